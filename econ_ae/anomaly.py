"""``python -m econ_ae.anomaly RUN --background FILE --signal FILE``: how well a run's integer latents tell anomalies apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from asic_flow.errors import FlowError
from econ_ae.errors import TrainingError
from econ_ae.quiet import quiet_tensorflow
from hgcal_data.config import load_file
from hgcal_data.errors import DataError
from hgcal_data.files import atomic_write_text

app = typer.Typer(add_completion=False)

FALSE_RATES = (0.001, 0.01, 0.1)
"""Shares of background at which the share of signal is reported."""


def separation(run: Path, background: Path, signal: Path, links: int | None = None) -> dict[str, Any]:
    """Area under the ROC curve of ``sum mu^2`` of the integer latents, and signal kept at fixed background.

    Args:
        run: run folder.
        background: CSV or HDF5 file of ordinary modules.
        signal: CSV or HDF5 file of anomalous modules.
        links: link count; default: that of the run's only weight file. The score is given for the whole latents, which
            the chip has, and for the bits that leave on these links.

    Raises:
        TrainingError: the run is incomplete, or a file holds no rows.
        DataError: a file cannot be read.
    """
    quiet_tensorflow()
    from econ_ae.model import IntegerModel
    from econ_ae.variational import anomaly_score, area_under_curve, roc

    model = IntegerModel.load(run, links)
    latents = []
    for path in (background, signal):
        charges = load_file(path).charges
        if not len(charges):
            raise TrainingError(f"scoring {path}: no row")
        latents.append(model.encode(charges))
    result: dict[str, Any] = {"schema_version": 1, "run": str(run), "links": model.links}
    result |= {"background_events": len(latents[0]), "signal_events": len(latents[1])}
    drop = model.structure.latent_format.width - model.latent_bits
    for name, cut in (("whole_latents", 0), ("sent_bits", drop)):
        scores = [anomaly_score(part, cut) for part in latents]
        false, true = roc(scores[0], scores[1])
        kept = [{"background": rate, "signal": float(np.interp(rate, false, true))} for rate in FALSE_RATES]
        result[name] = {"area_under_curve": area_under_curve(scores[0], scores[1]), "signal_at_background": kept}
    return result


@app.command()
def main(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="run folder, best of a training with train.variational")],
    background: Annotated[Path, typer.Option(help="CSV or HDF5 file of ordinary modules")],
    signal: Annotated[Path, typer.Option(help="CSV or HDF5 file of anomalous modules")],
    links: Annotated[int | None, typer.Option(min=1, max=5, help="link count")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="write the result as JSON")] = None,
) -> None:
    """Area under the ROC curve of the anomaly score sum mu^2, computed from the integer latents alone."""
    console = Console()
    try:
        result = separation(run, background, signal, links)
        if json_path is not None:
            atomic_write_text(json_path, json.dumps(result, indent=2) + "\n")
        for name in ("whole_latents", "sent_bits"):
            part = result[name]
            shares = ", ".join(f"{k['signal']:.3f} at {k['background']:g}" for k in part["signal_at_background"])
            console.print(
                f"{name.replace('_', ' ')}: area under the curve {part['area_under_curve']:.4f}; signal kept at background "
                f"{shares}",
                highlight=False,
            )
    except (TrainingError, DataError, FlowError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
