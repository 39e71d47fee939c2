"""Options of the chip around the encoder; they change the RTL's package, never the structure or its hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from asic_flow.errors import StructureError
from asic_flow.registers.model import RegisterLayout


class HardwareConfig(BaseModel):
    """The ``asic.hardware`` section of a run's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shadow_bank: bool = Field(
        default=False,
        description="second weight bank (one copy): weights are loaded while data flow and become active in one clock",
    )
    datapath: Literal["compact", "straightforward"] = Field(
        default="compact",
        description="neurons with shared multiples of their inputs, or one multiplier per product; same integers, same clocks",
    )
    triplicated: str | None = Field(
        default=None,
        description="weight bits in three copies as a hexadecimal mask, the first bit of the stream lowest "
        "(`python -m rad_tolerance plan` writes one); default: all of them",
    )

    @field_validator("triplicated")
    @classmethod
    def _hexadecimal(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"0x[0-9a-fA-F]+", value):
            raise ValueError(f"found {value[:20]!r}, expected a hexadecimal mask such as 0x3f")
        return value


@dataclass(frozen=True)
class BankOrder:
    """Inner order of a weight bank that is triplicated in part: in every block the triplicated bits come first.

    Attributes:
        tripled: triplicated bits of each block.
        places: place of every weight bit inside its block.
    """

    tripled: tuple[int, ...]
    places: tuple[int, ...]

    @classmethod
    def of(cls, mask: int, layout: RegisterLayout) -> BankOrder:
        """Order for a mask of triplicated bits.

        Raises:
            StructureError: the mask has bits behind the last weight, or leaves a block without any triplicated bit.
        """
        if mask >> layout.weight_bits:
            raise StructureError(
                f"triplicating weight bits: the mask has {mask.bit_length()} bits, the structure {layout.weight_bits}"
            )
        tripled: list[int] = []
        places: list[int] = []
        for block in range(layout.n_blocks):
            first = 8 * layout.block_bytes * block
            bits = range(first, min(first + 8 * layout.block_bytes, layout.weight_bits))
            chosen = [bit for bit in bits if mask >> bit & 1]
            if not chosen:
                raise StructureError(
                    f"triplicating weight bits: the mask has no bit of block {block}, at least one is needed"
                )
            ordered = chosen + [bit for bit in bits if not mask >> bit & 1]
            place = {bit: index for index, bit in enumerate(ordered)}
            tripled.append(len(chosen))
            places += [place[bit] for bit in bits]
        return cls(tuple(tripled), tuple(places))
