"""Command line of the exchange of models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from asic_flow.errors import FlowError
from econ_ae.errors import TrainingError
from econ_ae.quiet import quiet_tensorflow

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Import published models, export encoders.")
FORMATS = ("qonnx", "hls4ml", "frozen")


@contextmanager
def _one_message() -> Iterator[None]:
    """Errors as one message and exit code 2."""
    try:
        yield
    except (TrainingError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def _show(title: str, rows: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"schema_version": 1, **rows}, indent=2))
        return
    table = Table(title=title, title_justify="left", show_header=False)
    for key, value in rows.items():
        table.add_row(key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    Console().print(table)


@app.command("import")
def import_command(
    path: Annotated[
        Path, typer.Argument(metavar="MODEL", help=".json (with .hdf5 beside it), .h5, .hdf5 or .keras file")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="run folder for an encoder's integers, or a .keras file for any model")
    ],
    weights: Annotated[
        Path | None, typer.Option("--weights", help="HDF5 file of a .json; default: the one of the same name")
    ] = None,
    links: Annotated[int, typer.Option(min=1, max=5, help="link count under which the weights are filed")] = 5,
    decoder: Annotated[
        Path | None,
        typer.Option("--decoder", help="model file of its decoder, 8x8 image out: for python -m econ_ae.evaluate"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the answer as JSON")] = False,
) -> None:
    """Import a Keras 2 / QKeras 0.9 or Keras 3 model: an encoder becomes exact integers, or is refused by name."""
    with _one_message():
        quiet_tensorflow()
        from econ_ae.exchange.importer import import_decoder, import_encoder, import_model, write_import
        from hgcal_data.files import atomic_path

        if out.suffix == ".keras":
            if decoder is not None:
                raise TrainingError(
                    "importing: --decoder belongs to an encoder's run folder; --out names a .keras file"
                )
            model = import_model(path, weights)
            with atomic_path(out) as temporary:
                model.save(temporary)
            _show(
                "Imported", {"model": model.name, "parameters": model.count_params(), "written": out}, as_json=as_json
            )
            return
        model, structure, integers = import_encoder(path, weights)
        far_side = None if decoder is None else import_decoder(decoder, structure, links)
        written = write_import(out, model, structure, integers, links, far_side)
        rows = {
            "model": path.name, "profile": str(structure.profile), "latents": structure.n_latents,
            "weights": structure.n_weights, "weight_bits": structure.weight_bits,
            "written": ", ".join(str(item) for item in written),
        }  # fmt: skip
        _show("Imported", rows, as_json=as_json)


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder")],
    form: Annotated[str, typer.Option("--format", help=f"one of {', '.join(FORMATS)}")],
    out: Annotated[
        Path, typer.Option("--out", help=".onnx file (qonnx), project folder (hls4ml), folder for .pb files (frozen)")
    ],
    links: Annotated[
        int | None, typer.Option(min=1, max=5, help="link count; default: that of the only weights")
    ] = None,
    events: Annotated[int, typer.Option(min=2, help="random events on which the export is compared")] = 1000,
    backend: Annotated[str, typer.Option(help="hls4ml backend: Catapult, Vitis, Vivado or Quartus")] = "Catapult",
    seed: Annotated[int, typer.Option(min=0, help="seed of the random events")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="print the answer as JSON")] = False,
) -> None:
    """Export an encoder; what was written is run and compared with the integer emulator before it is kept."""
    with _one_message():
        quiet_tensorflow()
        from econ_ae.exchange.exporter import export

        if form not in FORMATS:
            raise TrainingError(f"--format {form}: expected one of {', '.join(FORMATS)}")
        rows = export(run, form, out, links=links, events=events, backend=backend, seed=seed)
        _show("Exported, equal to the emulator", rows, as_json=as_json)


def main() -> None:
    """Entry point."""
    app(prog_name="python -m econ_ae.exchange")
