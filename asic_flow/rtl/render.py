"""The generated part of the RTL: a package of parameters, written from the structure.

The modules beside this file are hand-written, parameterised, and copied unchanged into every project. `econ_pkg.sv` is all
that differs between two structures; weights do not enter it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jinja2

from asic_flow.errors import StructureError
from asic_flow.formats import Overflow, Rounding
from asic_flow.hardware import BankOrder, HardwareConfig
from asic_flow.ir import Structure
from asic_flow.links import MAX_LINKS, bits_per_latent
from asic_flow.registers.model import CHIP_ID, DEVICE, MAP_VERSION, RegisterLayout, register_layout
from asic_flow.rtl.liveness import tensor_activity
from asic_flow.rtl.placement import KINDS, PlacedLayer, place_layers

RTL_FOLDER = Path(__file__).parent
PACKAGE_FILE = "econ_pkg.sv"
TOP = "econ_top"
MODULES: tuple[str, ...] = (
    "econ_voter.sv",
    "econ_tmr_ff.sv",
    "econ_tmr_reg.sv",
    "econ_error_counter.sv",
    "econ_clock_gate.sv",
    "econ_refresh_timer.sv",
    "econ_bit_order.sv",
    "econ_weight_bank.sv",
    "econ_bank_crc.sv",
    "econ_bank_port.sv",
    "econ_shadow_bank.sv",
    "econ_commit.sv",
    "econ_weight_store.sv",
    "econ_control.sv",
    "econ_i2c_filter.sv",
    "econ_i2c_target.sv",
    "econ_registers.sv",
    "econ_converter.sv",
    "econ_cast.sv",
    "econ_neuron.sv",
    "econ_compact_neuron.sv",
    "econ_conv_layer.sv",
    "econ_dense_layer.sv",
    "econ_pool_layer.sv",
    "econ_pad_layer.sv",
    "econ_activation_layer.sv",
    "econ_encoder.sv",
    "econ_formatter.sv",
    "econ_top.sv",
)
"""Hand-written modules in compile order; `PACKAGE_FILE` comes before them."""

ENCODER_MODULES = MODULES[MODULES.index("econ_converter.sv") : MODULES.index("econ_encoder.sv") + 1]
"""The modules of the encoder block alone, without registers and I2C."""

CHARGE_WIDTH = 22
SUM_EXPONENT_WIDTH = 5
SUM_MANTISSA_WIDTH = 4
BX_WIDTH = 12
"""Bits of the bunch-crossing counter (3,564 crossings in an orbit)."""
_ROUNDING = {Rounding.FLOOR: 0, Rounding.HALF_UP: 1, Rounding.HALF_EVEN: 2}
_EMPTY = 0xFFFF_FFFF


@dataclass(frozen=True)
class _Item:
    """One parameter of the package."""

    type: str
    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class _Group:
    """Parameters under one heading."""

    title: str
    items: tuple[_Item, ...]


def module_sources() -> dict[str, str]:
    """Text of every hand-written module by file name, in compile order."""
    return {name: (RTL_FOLDER / name).read_text() for name in MODULES}


def render_rtl(structure: Structure, hardware: HardwareConfig | None = None) -> dict[str, str]:
    """Every RTL file of a project by name: the generated package, then the modules, in compile order.

    Args:
        structure: the encoder.
        hardware: options of the chip; default: those of `HardwareConfig`.

    Raises:
        StructureError: see `render_package`.
    """
    return {PACKAGE_FILE: render_package(structure, hardware), **module_sources()}


def latency_clocks(structure: Structure) -> int:
    """Clocks from an event at the input to its latents at the output."""
    return structure.latency_clocks


def render_package(structure: Structure, hardware: HardwareConfig | None = None) -> str:
    """Text of ``econ_pkg.sv`` for a structure.

    Args:
        structure: the encoder; its weights play no role.
        hardware: options of the chip; default: those of `HardwareConfig`.

    Raises:
        StructureError: the RTL cannot carry the structure, with the layer or field that stands in the way.
    """
    _check(structure)
    template = _environment().from_string((RTL_FOLDER / f"{PACKAGE_FILE}.j2").read_text())
    hardware = hardware or HardwareConfig()
    layers = place_layers(structure)
    groups = [
        _input_group(structure),
        _output_group(structure),
        _register_group(structure),
        _hardware_group(structure, hardware),
        *_layer_groups(structure, layers),
        _datapath_group(structure, layers, hardware),
    ]
    return template.render(name=structure.name, sha256=structure.sha256, groups=groups) + "\n"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)


def _check(structure: Structure) -> None:
    """Refuse what the modules do not carry."""
    spec = structure.input
    if spec.format.signed:
        raise StructureError("RTL: the converter makes unsigned images; the structure's input format is signed")
    if spec.format.fraction != spec.format.width - 1:
        raise StructureError(
            f"RTL: the converter gives values below 2, that is width - 1 fraction bits; the input format has "
            f"{spec.format.fraction} of {spec.format.width} bits"
        )
    if bits_per_latent(structure, MAX_LINKS) == 0:
        raise StructureError(
            f"RTL: {structure.n_latents} latents do not fit {MAX_LINKS} links, not even with one bit each"
        )
    if len(spec.cell_positions) < 2:
        raise StructureError("RTL: the converter needs at least two trigger cells")
    for layer in structure.weighted_layers:
        if layer.kernel.width < 2:
            raise StructureError(
                f"RTL: layer {layer.name!r} has {layer.kernel.width}-bit weights, at least 2 are needed"
            )


def _uint(name: str, value: int, note: str = "") -> _Item:
    return _Item("int", name, str(value), note)


def _bits(width: int, name: str, value: int, note: str = "") -> _Item:
    digits = -(-width // 4)
    return _Item(f"logic [{width - 1}:0]", name, f"{width}'h{value:0{digits}X}", note)


def _table(name: str, values: list[int], note: str = "") -> _Item:
    """32 bits per entry, entry 0 at the LSB (arrays of parameters are not portable)."""
    entries = ", ".join(f"32'd{value}" for value in reversed(values))
    return _Item(f"logic [{32 * len(values) - 1}:0]", name, f"{{{entries}}}", note)


def _flags(name: str, values: list[bool], note: str = "") -> _Item:
    text = "".join("1" if value else "0" for value in reversed(values))
    return _Item(f"logic [{len(values) - 1}:0]", name, f"{len(values)}'b{text}", note)


def _input_group(structure: Structure) -> _Group:
    spec = structure.input
    size = spec.height * spec.width * spec.channels
    cell_at = {position: cell for cell, position in enumerate(spec.cell_positions)}
    return _Group(
        "Input: charges, converter, image",
        (
            _uint("NumCells", len(spec.cell_positions)),
            _uint("ChargeWidth", CHARGE_WIDTH),
            _uint("SumExponentWidth", SUM_EXPONENT_WIDTH),
            _uint("SumMantissaWidth", SUM_MANTISSA_WIDTH),
            _uint("ImageSize", size, f"{spec.height} rows x {spec.width} columns x {spec.channels} channels"),
            _uint("ImageWidth", spec.format.width, "bits of one image value"),
            _table("ImageCell", [cell_at.get(i, _EMPTY) for i in range(size)], "cell at each position; all ones: zero"),
        ),
    )


def _output_group(structure: Structure) -> _Group:
    sent = [bits_per_latent(structure, links) for links in range(1, MAX_LINKS + 1)]
    return _Group(
        "Output",
        (
            _uint("NumLatents", structure.n_latents),
            _uint("LatentWidth", structure.latent_format.width),
            _uint("NumStages", structure.latency_clocks, "clocks of latency"),
            _uint("BxWidth", BX_WIDTH, "bunch-crossing counter"),
            _uint("MaxLinks", MAX_LINKS),
            _table("LinkLatentBits", sent, "bits of each latent sent on 1, 2, ... links"),
        ),
    )


def _hardware_group(structure: Structure, hardware: HardwareConfig) -> _Group:
    layout = register_layout(structure)
    selective = hardware.triplicated is not None
    order = BankOrder((0,) * layout.n_blocks, (0,))
    if hardware.triplicated is not None:
        order = BankOrder.of(int(hardware.triplicated, 16), layout)
    step = 8 * layout.block_bytes
    blocks = [order.places[first : first + step] for first in range(0, len(order.places), step)]
    # one literal per block: Verilator reads none above 65,536 bits
    literals = [f"{16 * len(b)}'h{sum(place << 16 * i for i, place in enumerate(b)):X}" for b in reversed(blocks)]
    return _Group(
        "Options",
        (
            _Item("bit", "ShadowBank", f"1'b{int(hardware.shadow_bank)}", "see econ_weight_store"),
            _Item("bit", "Selective", f"1'b{int(selective)}", "see econ_weight_bank, also for the next two"),
            _table("TripledBits", list(order.tripled)),
            _Item(f"logic [{16 * len(order.places) - 1}:0]", "BitOrder", f"{{{', '.join(literals)}}}"),
        ),
    )


def _register_group(structure: Structure) -> _Group:
    layout: RegisterLayout = register_layout(structure)
    return _Group(
        f"Registers, profile {layout.profile}",
        (
            _bits(7, "DeviceAddress", DEVICE),
            _uint("WeightBits", layout.weight_bits, f"{structure.n_weights} words, one copy"),
            _uint("WeightBytes", layout.n_bytes),
            _bits(16, "WeightBase", layout.weight_base),
            _uint("NumBlocks", layout.n_blocks),
            _uint("BlockBytes", min(layout.block_bytes, layout.n_bytes)),
            _uint("LastBlockBytes", layout.last_block_bytes),
            _uint("BlockStride", layout.block_stride),
            _bits(16, "MiscAddress", layout.misc_base),
            _bits(16, "MonitorBase", layout.monitor_base),
            _bits(16, "ControlBase", layout.control_base),
            _bits(32, "ChipId", int.from_bytes(CHIP_ID, "little")),
            _bits(16, "MapVersion", MAP_VERSION),
            _bits(32, "StructureHash", int.from_bytes(layout.structure_hash, "little")),
        ),
    )


def _layer_groups(structure: Structure, layers: list[PlacedLayer]) -> list[_Group]:
    """Tables of the layers: shapes, window, arithmetic, places."""

    def column(name: str, pick: Callable[[PlacedLayer], int], note: str = "") -> _Item:
        return _table(name, [pick(item) for item in layers], note)

    def flags(name: str, pick: Callable[[PlacedLayer], bool], note: str = "") -> _Item:
        return _flags(name, [pick(item) for item in layers], note)

    last = layers[-1]
    data_bits = last.out_lsb + structure.n_latents * structure.latent_format.width
    names = ", ".join(f"{i} {item.layer.name}" for i, item in enumerate(layers))
    shapes = _Group(
        f"Layers: {names}",
        (
            _uint("NumLayers", len(layers)),
            *(_uint(kind, index) for index, kind in enumerate(KINDS)),
            column("LayerKind", lambda p: p.kind),
            flags(
                "LayerRegistered",
                lambda p: p.registered,
                f"register stages: {structure.latency_clocks} clocks of latency",
            ),
            column("LayerInHeight", lambda p: p.in_shape[0]),
            column("LayerInWidth", lambda p: p.in_shape[1]),
            column("LayerInChannels", lambda p: p.in_shape[2]),
            column("LayerOutHeight", lambda p: p.out_shape[0]),
            column("LayerOutWidth", lambda p: p.out_shape[1]),
            column("LayerOutputs", lambda p: p.out_shape[2], "filters, units or channels"),
            column("LayerKernelHeight", lambda p: p.window[0]),
            column("LayerKernelWidth", lambda p: p.window[1]),
            column("LayerStrideRow", lambda p: p.window[2]),
            column("LayerStrideColumn", lambda p: p.window[3]),
            column("LayerPadTop", lambda p: p.geometry.pad[0]),
            column("LayerPadLeft", lambda p: p.geometry.pad[2]),
        ),
    )
    arithmetic = _Group(
        f"Arithmetic, profile {structure.profile.value}",
        (
            column("LayerInputWidth", lambda p: p.geometry.input_format.width),
            flags("LayerInputSigned", lambda p: p.geometry.input_format.signed),
            column("LayerWeightWidth", lambda p: p.weights.kernel.width if p.weights else 0),
            column("LayerProductShift", lambda p: p.product_shift, "bits floored off every product"),
            column("LayerBiasShift", lambda p: p.fraction - p.weights.bias.fraction if p.weights else 0),
            flags("LayerRelu", lambda p: p.relu),
            column("LayerOutputShift", lambda p: p.fraction - p.output.fraction),
            column("LayerOutputWidth", lambda p: p.output.width),
            flags("LayerOutputSigned", lambda p: p.output.signed),
            column("LayerRounding", lambda p: _ROUNDING[p.output.rounding], "0 floor, 1 half up, 2 half to even"),
            flags("LayerSaturate", lambda p: p.output.overflow is Overflow.SATURATE),
        ),
    )
    places = _Group(
        "Bit offsets in the weight stream and in the encoder's data bus",
        (
            column("LayerKernelLsb", lambda p: p.kernel_lsb),
            column("LayerBiasLsb", lambda p: p.bias_lsb),
            column("LayerInLsb", lambda p: p.in_lsb),
            column("LayerOutLsb", lambda p: p.out_lsb),
            _uint("DataBits", data_bits),
        ),
    )
    return [shapes, arithmetic, places]


def _datapath_group(structure: Structure, layers: list[PlacedLayer], hardware: HardwareConfig) -> _Group:
    """Which layers are compact, and what they leave out."""
    activity = tensor_activity(structure)
    inputs = activity[:-1]
    sizes = [len(item.live) for item in activity]
    compact = hardware.datapath == "compact"
    return _Group(
        "Compact datapath: values that depend on the event, on weights only, or that are always zero",
        (
            _flags("LayerCompact", [compact and p.may_be_compact for p in layers], "see econ_compact_neuron"),
            _table(
                "LayerInElement", [sum(sizes[:index]) for index in range(len(layers))], "first value in the Elements"
            ),
            _flags("ElementLive", [bool(value) for item in activity for value in item.live]),
            _flags("ElementStatic", [bool(value) for item in activity for value in item.static]),
            _table("ElementPlace", [int(value) for item in activity for value in item.place], "see econ_dense_layer"),
            _table("LayerNumLive", [int(item.live.sum()) for item in inputs]),
            _table("LayerNumGroups", [item.groups for item in inputs]),
            _table("LayerGroupSize", [item.group_size for item in inputs]),
            _table("LayerStaticShift", [item.shift for item in inputs]),
            _table("LayerStaticWidth", [item.width for item in inputs]),
        ),
    )
