"""What the models of all result files share."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

N_CELLS = 48


def _none_if_not_finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_none_if_not_finite)]
"""A finite number, or None where the file holds null, NaN or infinity."""
Count = Annotated[int, Field(ge=0)]
Cells = Annotated[list[float], Field(min_length=N_CELLS, max_length=N_CELLS)]


class Input(BaseModel):
    """Part of a result file."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, protected_namespaces=())


class File(Input):
    """A result file of schema version 1."""

    schema_version: Literal[1]
