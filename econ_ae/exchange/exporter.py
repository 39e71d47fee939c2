"""One entry for all exports of a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from asic_flow.ir import read_structure
from asic_flow.weights import WeightSet, read_weights
from econ_ae.errors import TrainingError
from econ_ae.exchange.plain import keras_encoder
from econ_ae.exchange.prove import prove_equal, random_images
from econ_ae.model import load_keras


def export(
    run: Path,
    form: str,
    out: Path,
    *,
    links: int | None = None,
    events: int = 1000,
    backend: str = "Catapult",
    seed: int = 1,
) -> dict[str, Any]:
    """Export the encoder of a run (``frozen``: the decoder too), compared on `events` random events.

    Args:
        run: run folder.
        form: ``qonnx``, ``hls4ml`` or ``frozen``.
        out: file or folder to write.
        links: link count; default: that of the run's only weights.
        events: random events compared.
        backend: hls4ml backend.
        seed: seed of the events.

    Raises:
        TrainingError: the run is incomplete, something cannot be exported exactly, or a value differs.
        FlowError: ``encoder.json`` or the weights are damaged.
    """
    weights = run_weights(run, links)
    if form == "qonnx":
        from econ_ae.exchange.qonnx_file import export_qonnx

        return {**export_qonnx(weights, out, events=events, seed=seed), "written": str(out)}
    if form == "hls4ml":
        from econ_ae.exchange.hls_project import BACKENDS, export_hls4ml

        found = next((name for name in BACKENDS if name.lower() == backend.lower()), None)
        if found is None:
            raise TrainingError(f"--backend {backend}: expected one of {', '.join(BACKENDS)}")
        return {**export_hls4ml(weights, out, backend=found, events=events, seed=seed), "written": str(out)}
    return _frozen(run, weights, out, events, seed)


def run_weights(run: Path, links: int | None) -> WeightSet:
    """Weights of a run folder.

    Raises:
        TrainingError: no weights, or several and no link count.
        FlowError: a damaged file.
    """
    structure = read_structure(run / "encoder.json")
    files = sorted((run / "weights").glob("links*.json"))
    if links is None and len(files) != 1:
        names = ", ".join(path.stem for path in files) or "none"
        raise TrainingError(f"choosing weights in {run / 'weights'}: found {names}; say which with --links N")
    return read_weights(files[0] if links is None else run / "weights" / f"links{links}.json", structure)


def _frozen(run: Path, weights: WeightSet, out: Path, events: int, seed: int) -> dict[str, Any]:
    """Encoder (from its integers), and the decoder if the run has one."""
    from econ_ae.exchange.frozen import export_frozen, read_frozen, run_frozen

    structure = weights.structure
    step, unit = float(1 << structure.input.format.fraction), float(1 << structure.latent_format.fraction)
    sample = (random_images(structure, min(events, 256), seed) / step).astype(np.float32)
    made = export_frozen(keras_encoder(weights), out / "encoder.pb", [sample])
    graph = read_frozen(out / "encoder.pb")
    rows = prove_equal(
        weights,
        lambda images: np.rint(run_frozen(graph, [(images / step).astype(np.float32)]) * unit).astype(np.int64),
        "frozen graph",
        events,
        seed,
    )
    rows |= {"encoder": f"{made['inputs'][0]} -> {made['output']}", "written": str(out / "encoder.pb")}
    path = run / "train" / "decoder.keras"
    if path.is_file():
        decoder = load_keras(path)
        rng = np.random.default_rng([seed, 12])
        inputs = [rng.random((events, *tensor.shape[1:]), dtype=np.float32) for tensor in decoder.inputs]
        found = export_frozen(decoder, out / "decoder.pb", inputs)
        rows |= {
            "decoder": f"{', '.join(found['inputs'])} -> {found['output']}",
            "decoder_largest_difference": found["largest_difference"],
            "written": f"{out / 'encoder.pb'}, {out / 'decoder.pb'}",
        }
    return rows
