"""``asic_flow weights``: images of a weight set, and a chip behind a bus. Each command calls one public function."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from asic_flow.errors import MismatchError, WeightError
from asic_flow.host import Bus, FakeChip, LoadReport, Monitor, WeightLoader, bus_seconds, open_bus
from asic_flow.images import ImageFormat, Transaction, read_image, transactions, write_image
from asic_flow.ir import Structure, econ_t_structure, read_structure
from asic_flow.registers.model import COMMIT_AT_ONCE, DEVICE, register_layout
from asic_flow.weights import WeightSet

weights_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
_out = Console()
_err = Console(stderr=True)
_SHOWN = 20
_DEFAULT_DEVICE = f"{DEVICE:#04x}"

ImageArgument = Annotated[Path, typer.Argument(metavar="IMAGE", help="weights: .json, .yaml, .hex, .raw, .c or .lpgbt")]
StructureOption = Annotated[
    Path | None,
    typer.Option(
        "--structure", "-s", help="encoder.json; else the one beside or above the weights, else ECON-T itself"
    ),
]
FormatOption = Annotated[ImageFormat | None, typer.Option("--format", "-f", help="image format; default: by suffix")]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="file to write")]
JsonOption = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
BusOption = Annotated[
    str,
    typer.Option("--bus", help="smbus:N for /dev/i2c-N, fake or fake:shadow for a dry run, or package.module:callable"),
]
DeviceOption = Annotated[str, typer.Option(help="7-bit I2C address")]
RetriesOption = Annotated[int, typer.Option(min=0, help="repetitions of a failed transfer or a differing register")]
MaxDataOption = Annotated[int, typer.Option(min=1, help="most data bytes per transfer; 14 behind an lpGBT master")]
ShadowOption = Annotated[bool, typer.Option("--shadow", help="the shadow bank instead of the active weights")]
MonitorOption = Annotated[Monitor, typer.Option(help="use the chip's identity and CRC registers")]


@weights_app.command()
def pack(
    weights: ImageArgument,
    output: OutputOption,
    structure: StructureOption = None,
    image_format: FormatOption = None,
) -> None:
    """Write a weight set as an image. Example: asic_flow weights pack runs/demo/weights/links5.json -o weights.yaml."""
    content = read_image(weights, _structure(structure, weights))
    write_image(content, output, image_format)
    _report(content, output)


@weights_app.command()
def unpack(
    image: ImageArgument,
    output: OutputOption,
    structure: StructureOption = None,
    image_format: FormatOption = None,
) -> None:
    """Read an image, check it, write our weight file. Example: asic_flow weights unpack init.yaml -o weights.json."""
    content = read_image(image, _structure(structure, image), image_format)
    if output.suffix != ".json":
        raise WeightError(
            f"unpacking {image}: the output {output} must end in .json; to convert images use 'weights pack'"
        )
    write_image(content, output)
    _report(content, output)


@weights_app.command()
def diff(
    first: ImageArgument,
    second: Annotated[Path, typer.Argument(metavar="OTHER", help="the other weights, in any format")],
    structure: StructureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two weight sets in any formats, weight by weight. Exit code 1 if they differ."""
    design = _structure(structure, first)
    left, right = read_image(first, design), read_image(second, design)
    rows = []
    for name, values in left.tensors.items():
        for index in zip(*np.nonzero(values != right.tensors[name]), strict=True):
            position = [int(i) for i in index]
            rows.append((name, position, int(values[index]), int(right.tensors[name][index])))
    if as_json:
        keys = ("tensor", "index", "first", "second")
        differences = [dict(zip(keys, row, strict=True)) for row in rows]
        _print_json({"schema_version": 1, "weights": left.structure.n_weights, "differences": differences})
    elif rows:
        table = Table("tensor", "index", str(first), str(second))
        for name, position, a, b in rows[:_SHOWN]:
            table.add_row(name, ", ".join(map(str, position)), str(a), str(b))
        _out.print(table)
        if len(rows) > _SHOWN:
            _out.print(f"... and {len(rows) - _SHOWN} more")
    if rows:
        raise MismatchError(
            f"comparing {first} with {second}: {len(rows)} of {left.structure.n_weights} weights differ"
        )
    if not as_json:
        _out.print(f"{left.structure.n_weights} weights, no difference", highlight=False)


@weights_app.command()
def load(
    image: ImageArgument,
    bus: BusOption,
    structure: StructureOption = None,
    image_format: FormatOption = None,
    device: DeviceOption = _DEFAULT_DEVICE,
    max_data: MaxDataOption = 16,
    retries: RetriesOption = 3,
    monitor: MonitorOption = Monitor.AUTO,
    resume: Annotated[bool, typer.Option("--resume", help="read first, write only what differs")] = False,
    run: Annotated[bool, typer.Option("--run/--hold", help="let the encoder's output leave afterwards")] = True,
    version: Annotated[
        int | None, typer.Option(help="shadow bank only: number of the weight set; default: the active one plus one")
    ] = None,
    bx: Annotated[
        int, typer.Option(help="shadow bank only: bunch crossing of the commit, 0 to 3563; default: at once")
    ] = COMMIT_AT_ONCE,
    links: Annotated[
        int | None, typer.Option(help="e-links to send on, 0 (off) to 5; default: as they are, off after a reset")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Load weights into a chip, read them back, and compare the chip's CRC.

    A chip with a shadow bank goes on encoding meanwhile and changes over in one clock; without one the output is held.
    """
    design = _structure(structure, image)
    weights = read_image(image, design, image_format)
    master = _open(bus, design, device)
    try:
        with Progress(console=_err, transient=True, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("loading", total=None)
            loader = WeightLoader(
                master,
                design,
                device=_address(device),
                max_data=max_data,
                retries=retries,
                monitor=monitor,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
            report = loader.load(weights, resume=resume, run=run, version=version, bx=bx, links=links)
    finally:
        master.close()
    if as_json:
        _print_json({"schema_version": 1, **asdict(report)})
    else:
        _print_load(report, transactions(loader.layout, weights.to_bytes(), max_data), loader.layout.n_bytes)


@weights_app.command()
def dump(
    output: OutputOption,
    bus: BusOption,
    structure: StructureOption = None,
    image_format: FormatOption = None,
    device: DeviceOption = _DEFAULT_DEVICE,
    max_data: MaxDataOption = 16,
    retries: RetriesOption = 3,
    monitor: MonitorOption = Monitor.AUTO,
    shadow: ShadowOption = False,
) -> None:
    """Read all weights from a chip into a file."""
    design = _structure(structure, output)
    master = _open(bus, design, device)
    try:
        content = WeightLoader(
            master, design, device=_address(device), max_data=max_data, retries=retries, monitor=monitor
        ).dump(shadow=shadow)
    finally:
        master.close()
    write_image(content, output, image_format)
    _err.print(f"read from the {_bank(shadow)} of device {device}", highlight=False)
    _report(content, output)


@weights_app.command()
def verify(
    image: ImageArgument,
    bus: BusOption,
    structure: StructureOption = None,
    image_format: FormatOption = None,
    device: DeviceOption = _DEFAULT_DEVICE,
    max_data: MaxDataOption = 16,
    retries: RetriesOption = 3,
    monitor: MonitorOption = Monitor.AUTO,
    shadow: ShadowOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare a chip with a weight set; no weight is written. Exit code 1 if a byte differs."""
    design = _structure(structure, image)
    weights = read_image(image, design, image_format)
    master = _open(bus, design, device)
    try:
        loader = WeightLoader(
            master, design, device=_address(device), max_data=max_data, retries=retries, monitor=monitor
        )
        differences = loader.verify(weights, shadow=shadow)
        status = loader.status()
    finally:
        master.close()
    if as_json:
        state = asdict(status) | {"structure_hash": status.structure_hash.hex()} if status else None
        found = [asdict(d) for d in differences]
        _print_json({"schema_version": 1, "bank": _bank(shadow), "differences": found, "status": state})
    else:
        for d in differences[:_SHOWN]:
            _out.print(f"{d.address:#06x}: expected {d.expected:#04x}, found {d.found:#04x}", highlight=False)
        if status is not None:
            _out.print(
                f"running {status.running}, CRC {status.crc:#010x}, corrected upsets {sum(status.upsets)}",
                highlight=False,
            )
            if status.bank is not None:
                _out.print(
                    f"active version {status.bank.version}, passes with a wrong CRC {status.bank.mismatches}",
                    highlight=False,
                )
    if differences:
        raise MismatchError(
            f"verifying {image}: {len(differences)} of {loader.layout.n_bytes} bytes differ in the chip's {_bank(shadow)}"
        )
    if not as_json:
        _out.print(f"{loader.layout.n_bytes} bytes, no difference in the {_bank(shadow)}", highlight=False)


def _structure(path: Path | None, beside: Path) -> Structure:
    """The structure asked for; else ``encoder.json`` beside the file or one folder above; else the chip's own."""
    if path is not None:
        return read_structure(path)
    for candidate in (beside.parent / "encoder.json", beside.resolve().parent.parent / "encoder.json"):
        if candidate.is_file():
            return read_structure(candidate)
    _err.print("no encoder.json given or found: taking the ECON-T encoder (profile econ_t)", highlight=False)
    return econ_t_structure()


def _print_load(report: LoadReport, writes: list[Transaction], n_bytes: int) -> None:
    chip = "equal to the chip's" if report.crc_checked else "not checked: the chip has no monitor registers"
    state = "running" if report.running else "held at zero"
    path = "active bank, output held at zero while loading"
    if report.version is not None:
        path = f"shadow bank, committed as version {report.version}"
    for label, value in (
        ("path", path),
        ("written", f"{report.bytes_written} bytes; {report.registers_skipped} of {len(writes)} transfers skipped"),
        ("repeated", f"{report.retries} transfers after bus errors, {report.registers_repaired} after read-back"),
        ("read back", f"{n_bytes} bytes equal"),
        ("CRC", f"{report.crc:#010x}, {chip}"),
        ("encoder", state),
        ("links", _LINKS_UNKNOWN if report.links is None else str(report.links) if report.links else _LINKS_OFF),
        ("bus time", f"{1e3 * bus_seconds(writes, 1e6):.1f} ms for a whole load at 1 MHz, without software gaps"),
    ):
        _out.print(f"{label:10} {value}", highlight=False, soft_wrap=True)


_LINKS_OFF = "0: the transmitter is off, no packet leaves; send on some with --links N"
_LINKS_UNKNOWN = "set by other registers of the chip"


def _bank(shadow: bool) -> str:
    return "shadow bank" if shadow else "active bank"


def _address(text: str) -> int:
    try:
        address = int(text, 0)
    except ValueError:
        address = -1
    if not 0 <= address < 1 << 7:
        raise WeightError(f"I2C device {text!r}: expected a 7-bit address such as 0x20")
    return address


def _open(spec: str, structure: Structure, device: str) -> Bus:
    if spec in ("fake", "fake:shadow"):
        _err.print("dry run: the chip is simulated in memory", highlight=False)
        return FakeChip(register_layout(structure), device=_address(device), shadow=spec != "fake")
    return open_bus(spec)


def _report(weights: WeightSet, path: Path) -> None:
    n, bits = weights.structure.n_weights, weights.structure.weight_bits
    _out.print(f"{path}: {n} weights, {bits} bits, CRC {weights.crc32:#010x}", highlight=False, soft_wrap=True)


def _print_json(value: object) -> None:
    _out.print_json(json.dumps(value))
