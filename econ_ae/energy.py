"""``python -m econ_ae.energy PATH``: energy of one inference, layer by layer (Horowitz 45 nm)."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from asic_flow.errors import FlowError
from asic_flow.ir import read_structure
from econ_ae.energy_model import QTOOLS_SRAM_BITS, EnergyEstimate, Memory, structure_energy
from econ_ae.errors import TrainingError

app = typer.Typer(add_completion=False)


def estimate(path: Path, memory: Memory, input_bits: int = 8, input_fraction: int = 7) -> EnergyEstimate:
    """Energy of a run folder or ``encoder.json`` (integer structure), or of a Keras model file (QTools).

    Args:
        path: run folder, ``encoder.json``, ``.keras``, ``.h5``, ``.hdf5`` or ``.json`` of a model.
        memory: where weights and values live.
        input_bits: width of a model file's input (a structure knows its own).
        input_fraction: its fraction bits.

    Raises:
        TrainingError: the file is missing or is no model, or a layer has no published cost.
        FlowError: ``encoder.json`` does not describe a structure.
    """
    if path.is_dir() or path.name == "encoder.json":
        return structure_energy(read_structure(path / "encoder.json" if path.is_dir() else path), memory)
    from econ_ae.quiet import quiet_tensorflow

    quiet_tensorflow()
    from qkeras import quantized_relu

    from econ_ae.energy_qtools import model_energy
    from econ_ae.exchange.importer import import_model

    source = quantized_relu(input_bits, input_bits - input_fraction)
    return model_energy(import_model(path), source=source, memory=memory)


def table(result: EnergyEstimate, title: str) -> Table:
    """Table of an estimate: energies in pJ, total in nJ."""
    view = Table(title=title, title_justify="left", caption=result.method, show_footer=True)
    total = sum(layer.total_pj for layer in result.layers)
    view.add_column("layer", footer=f"total {total / 1000:.4g} nJ")
    for name in ("operations", "operations pJ", "inputs pJ", "weights pJ", "outputs pJ", "sum pJ"):
        view.add_column(name, justify="right", footer=f"{total:.2f}" if name == "sum pJ" else "")
    for layer in result.layers:
        parts = (layer.operations_pj, layer.inputs_pj, layer.parameters_pj, layer.outputs_pj, layer.total_pj)
        view.add_row(layer.name, f"{layer.operations:,}", *[f"{value:.2f}" for value in parts])
    return view


@app.command()
def main(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="run folder, encoder.json, or model file (.keras, .h5, .json)")
    ],
    weights: Annotated[
        str, typer.Option(help="where weights live: registers (cost nothing to read) or sram")
    ] = "registers",
    activations: Annotated[str, typer.Option(help="where values between layers live: registers or sram")] = "registers",
    sram_bits: Annotated[
        int, typer.Option(min=0, help=f"smallest SRAM in bits; published tables use {QTOOLS_SRAM_BITS}")
    ] = 0,
    input_bits: Annotated[int, typer.Option(min=1, max=32, help="bits of a model file's input")] = 8,
    input_fraction: Annotated[int, typer.Option(min=0, max=32, help="fraction bits of a model file's input")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="print the answer as JSON")] = False,
) -> None:
    """Energy of one inference by published operation costs of a 45 nm process (not of the chip's own process)."""
    try:
        for option, value in (("--weights", weights), ("--activations", activations)):
            if value not in ("registers", "sram"):
                raise TrainingError(f"{option} {value}: expected registers or sram")
        memory = Memory(weights, activations, sram_bits)  # type: ignore[arg-type]
        result = estimate(path, memory, input_bits, input_fraction)
        if as_json:
            payload = {"schema_version": 1, **result.to_metrics(), "layers": [asdict(x) for x in result.layers]}
            typer.echo(json.dumps(payload, indent=2))
        else:
            Console().print(table(result, f"Energy of one inference, {path}"))
    except (TrainingError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
