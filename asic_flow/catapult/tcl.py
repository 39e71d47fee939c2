"""``build_prj.tcl`` of a project: a pure function of structure and configuration."""

from __future__ import annotations

import math

import jinja2

from asic_flow import __version__
from asic_flow.catapult.config import CatapultConfig, Stage
from asic_flow.ir import Structure

PROJECT = "Catapult"
"""Name of the Catapult project: folder ``Catapult/`` and file ``Catapult.ccs`` in the working folder."""
VALUES_FILE = "asic_flow_values.txt"
"""What `solution get` said, written by the script into the working folder."""


def design_name(structure_name: str, config: CatapultConfig) -> str:
    """C++ function, and RTL module, of the chosen design."""
    return structure_name if config.design == "top" else f"{structure_name}_{config.design}"


def largest_array(structure: Structure) -> int:
    """Elements of the largest array of the C++: a weight tensor, or the bytes of the weight bank."""
    tensors = [math.prod(shape) for shape in structure.tensor_shapes().values()]
    return max(*tensors, -(-structure.weight_bits // 8), math.prod(structure.input.shape))


def render_build_prj(structure: Structure, config: CatapultConfig) -> str:
    """Text of ``build_prj.tcl``."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("asic_flow.catapult"), undefined=jinja2.StrictUndefined, keep_trailing_newline=True,
        trim_blocks=True, lstrip_blocks=True, autoescape=False,
    )  # fmt: skip
    tensors = [tensor.replace(".", "_") for tensor in structure.tensor_shapes()]
    scalars_in = ["output_enable", "write_enable", "address", "write_data"]
    ports = {
        "top": (["charges", *scalars_in], [], ["latents", "sum_code", "read_data", "error"]),
        "datapath": (["charges"], tensors, ["latents", "sum_code"]),
        "weight_bank": (scalars_in[1:], [], [*tensors, "read_data", "error"]),
    }
    inputs, direct, outputs = ports[config.design]
    technology = config.technology
    return environment.get_template("build_prj.tcl.j2").render(
        version=__version__,
        structure_sha256=structure.sha256,
        structure=structure.name,
        design=design_name(structure.name, config),
        define="" if config.design == "top" else f"-DAE_DESIGN_{config.design.upper()}",
        config=config,
        project=PROJECT,
        values_file=VALUES_FILE,
        threshold=2 * largest_array(structure) + 1,
        default_stages=" ".join(config.stages),
        all_stages=" ".join(Stage),
        inputs=inputs,
        direct_inputs=direct,
        outputs=outputs,
        vendor=f" -vendor {technology.vendor}" if technology.vendor else "",
        node=f" -technology {technology.node}" if technology.node else "",
        high_time=config.clock.period_ns / 2,
    )
