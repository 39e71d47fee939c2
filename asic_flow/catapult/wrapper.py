"""SystemVerilog that puts Catapult's RTL into the chip: a module with the pins of ``rtl/econ_encoder.sv``."""

from __future__ import annotations

import math
from typing import Any

import jinja2

from asic_flow import __version__
from asic_flow.catapult.config import CatapultConfig
from asic_flow.catapult.tcl import design_name
from asic_flow.ir import Structure

CHARGE_BITS, SUM_CODE_BITS = 22, 9
WRAPPER, STUB = "econ_encoder_catapult.sv", "catapult_stub.sv"


def render_wrapper(structure: Structure, config: CatapultConfig, *, latency: int | None = None) -> dict[str, str]:
    """Wrapper, and a module with Catapult's pins for linting it.

    Args:
        structure: the encoder.
        config: names of clock and reset.
        latency: clocks as reported in ``cycle.rpt``; default the configured maximum.

    Returns:
        Text by file name.
    """
    datapath = config.model_copy(update={"design": "datapath"})
    context: dict[str, Any] = {
        "version": __version__,
        "structure_sha256": structure.sha256,
        "design": design_name(structure.name, datapath),
        "latency": latency or config.max_latency,
        "clock": config.clock.name,
        "reset": config.reset.kind,
        "tensors": _tensors(structure),
        "charge_bits": CHARGE_BITS * len(structure.input.cell_positions),
        "latent_bits": structure.n_latents * structure.latent_format.width,
        "code_bits": SUM_CODE_BITS,
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("asic_flow.catapult"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True, autoescape=False,
    )  # fmt: skip
    return {
        WRAPPER: environment.get_template("wrapper.sv.j2").render(context),
        STUB: environment.get_template("wrapper_stub.sv.j2").render(context),
    }


def _tensors(structure: Structure) -> list[dict[str, Any]]:
    result: list[dict[str, Any]] = []
    first = 0
    for tensor, shape in structure.tensor_shapes().items():
        bits = math.prod(shape) * structure.tensor_format(tensor).width
        result.append({"name": tensor.replace(".", "_"), "first_bit": first, "bits": bits})
        first += bits
    return result
