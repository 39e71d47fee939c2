"""A complete, realistic, synthetic run folder: every result file a report can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from hgcal_data.geometry import XY_CM

STRUCTURE = "5d0c" * 16
COUNTS_PER_MIPT = 35
EDGES = ((0, 1), (1, 2), (2, 5), (5, 10), (10, 15), (15, None))
ROWS = {  # algorithm, rule, bits, mean, EMD by occupancy bin: the shape of the published comparison at 2 links
    ("autoencoder", None, 62, (0.22, 0.41, 0.71, 0.98, 1.01, 0.85)),
    ("best_choice", "residual spread", 64, (0.32, 0.46, 0.60, 0.93, 1.08, 0.91)),
    ("best_choice", "zeros", 64, (0.37, 0.63, 0.93, 1.77, 2.23, 2.69)),
    ("super_trigger_cell", "share f(E)", 43, (0.55, 0.81, 1.12, 1.36, 1.45, 1.38)),
    ("super_trigger_cell", "all in the largest cell", 43, (0.56, 0.90, 1.55, 2.21, 2.47, 2.66)),
    ("threshold_sum", "residual spread", 62, (3.15, 2.61, 1.94, 1.52, 1.31, 1.12)),
}
EVENTS = (92, 126, 295, 228, 97, 162)
SAMPLES = {"busy_200PU": 1.0, "ttbar_0PU": 0.21, "jets_pt20": 0.11, "electrons_pt20": 0.09}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema_version": 1, **content}, indent=1))


def edit(path: Path, **changes: Any) -> None:
    write(path, read(path) | changes)


def write_run(root: Path) -> Path:
    """Write every result file of part 1; see `write_later_parts` for the rest."""
    rng = np.random.default_rng(3)
    root.mkdir(parents=True, exist_ok=True)
    config = {
        "name": root.name,
        "seed": 7,
        "data": {"sources": [{"simulate": {"sample": name, "events": 20000}} for name in SAMPLES]},
        "model": {"profile": "econ_t", "links": 2},
        "asic": {"verify": {"events": 20000, "rtl_events": 2000}},
    }
    (root / "config.yml").write_text("# demo configuration\n" + yaml.safe_dump(config, sort_keys=False))
    write(root / "data/statistics.json", {"samples": [_sample(name, scale) for name, scale in SAMPLES.items()]})
    _write_training(root, rng)
    write(root / "encoder.json", _encoder())
    write(
        root / "weights/links2.json",
        {
            "structure_sha256": STRUCTURE,
            "crc32": 0x1A2B3C4D,
            "tensors": {"conv.kernel": []},
            "provenance": {"config": "configs/demo.yml", "seed": 7, "links": 2, "versions": {"tensorflow": "2.20.0"}},
        },
    )
    write(root / "evaluate/metrics.json", {"events_seed": 11, "results": [*_results(2), *_results(4, 0.45)]})
    mixture = [{"hits_from": 1, "shares": [0.0, 0.25, 0.75]}, {"hits_from": 17, "shares": [0.5, 0.5, 0.0]}]
    write(root / "train/decoding.json", {"answers": ["network", "corrected", "sampled"], "mixture": mixture})
    write(root / "evaluate/examples.json", {"events": [_example(rng, name) for name in SAMPLES for _ in range(2)]})
    write(root / "asic/manifest.json", _manifest())
    _write_registers(root / "asic/registers/econ_ae.yaml")
    write(root / "verify/results.json", _verification())
    return root


ESTIMATE = {
    "method": "synthesised",
    "structure_sha256": STRUCTURE,
    "area": {
        "by_block_nand2": {
            "dense": {"flip-flops": 0.0, "adders": 40000.0, "other logic": 5000.0},
            "weight bank": {"flip-flops": 287232.0, "adders": 320.0, "other logic": 194209.0},
        },
        "total_nand2": 526761.0,
    },
    "timing": {
        "clock_ns": 25.0,
        "derate": 1.83,
        "groups": [
            {
                "group": "u_registers to u_encoder", "endpoints": 7, "path_ns": 20.0, "slack_ns": 4.5, "derated_path_ns": 36.6,
                "derated_slack_ns": -12.1, "scaled_path_ns": 8.2, "scaled_slack_ns": 16.3,
            }
        ],
    },
    "power": {
        "events": 64,
        "activity": "unit delay",
        "library_by_block": {"dense": {"dynamic_mw": 3.0, "clock_mw": 0.0, "leakage_mw": 0.1}},
    },
    "result": {"area_mm2": {"value": 1.1, "low": 0.9, "high": 1.6, "detail": "526,761 NAND2"}, "power_mw": None},
}  # fmt: skip


def write_later_parts(root: Path) -> Path:
    """Latent statistics, synthesis and radiation results."""
    latents = [
        {"index": i, "mean": 40.0 + 11 * i, "std": 12.0 + i, "zero_fraction": 0.02 * i, "saturated_fraction": 0.001 * i}
        for i in range(15)
    ]
    latents.append({"index": 15, "mean": 0.0, "std": 0.0, "zero_fraction": 1.0, "saturated_fraction": 0.0})
    edit(root / "evaluate/metrics.json", latents=latents)
    rows = [
        {
            "quantity": "power",
            "unit": "mW",
            "budget": 100,
            "value": 71.4,
            "source": "synthesised, scaled to 65 nm",
            "margin": 0.286,
        },
        {"quantity": "area", "unit": "mm2", "budget": 3.6, "value": 3.9, "source": "synthesised, scaled to 65 nm"},
        {"quantity": "leakage", "unit": "mW", "budget": None, "value": 1.25, "source": "Liberty file"},
    ]
    write(root / "estimate/budgets.json", {"rows": rows})
    write(root / "estimate/estimate.json", ESTIMATE)
    write(
        root / "rad/sensitivity.json",
        {"title": "Single bit flips", "verdict": "pass", "flips": 12864, "events": 10000, "emd": {"mean": 0.0123}},
    )
    write(root / "rad/proof.json", {"title": "Weight bank proof", "verdict": "incomplete", "negative_controls": [1, 2]})
    return root


def _sample(name: str, scale: float) -> dict[str, Any]:
    first = 0.33 + 0.53 * (1 - scale)
    fractions = [first] + [(1 - first) * share for share in (0.25, 0.16, 0.11, 0.08, 0.06)]
    own = {
        "occupancy_mean": 18.4 * scale + 0.7,
        "occupancy_median": round(15 * scale) + 1,
        "occupancy_1mip_mean": 7.5 * scale,
        "log10_sum_mip_mean": 1.17 + 1.9 * (scale - 1),
        "log10_sum_mip_std": 0.56,
        "sorted_fractions": fractions,
    }
    published = {key: value * 1.06 for key, value in own.items() if not isinstance(value, list)}
    published["sorted_fractions"] = [value * 0.97 for value in fractions]
    return {
        "name": name, "rows": 20000, "dropped_zero_rows": 412, **own,
        "published": None if name == "electrons_pt20" else published,
    }  # fmt: skip


def _write_training(root: Path, rng: np.random.Generator) -> None:
    lines = ["epoch,loss,val_loss,learning_rate,seconds,val_emd,phase"]
    for epoch in range(1, 41):
        loss = 0.9 * np.exp(-epoch / 6) + 0.105
        noise = 0.006 * rng.standard_normal()
        phase, emd = int(epoch > 15), 0.6 + 1.5 * np.exp(-epoch / 8)
        rate = 1e-3 * 0.97**epoch
        lines.append(f"{epoch},{loss:.5f},{loss * 1.06 + noise:.5f},{rate:.3e},4.2,{emd:.4f},{phase}")
    (root / "train").mkdir(exist_ok=True)
    (root / "train/history.csv").write_text("\n".join(lines) + "\n")
    write(
        root / "train/metrics.json",
        {
            "model": "8x8_c8_S2", "profile": "econ_t", "links": 2, "latent_bits": 3, "seed": 7, "epochs": 40,
            "train_events": 56000, "validation_events": 8000, "seconds": 171.3,
            "parameters": 2144, "weight_bits": 12864,
            "energy_uj": 0.00125, "energy_uj_per_layer": {"conv": 0.0005, "dense": 0.00075},
            "energy_model": "Horowitz 45 nm", "best_epoch": 37, "best_val_loss": 0.1098, "data_sha256": "ab12" * 16,
            "versions": {"python": "3.11.7", "tensorflow": "2.20.0", "keras": "3.12.0", "qkeras-v3": "1.2.1"},
        },
    )  # fmt: skip


def _encoder() -> dict[str, Any]:
    def fmt(width: int, fraction: int, signed: bool) -> dict[str, Any]:
        return {"width": width, "fraction": fraction, "signed": signed, "rounding": "floor", "overflow": "saturate"}

    weights = fmt(6, 5, True)
    shared = {"kernel": weights, "bias": weights, "activation": "relu"}
    return {
        "name": "econ_encoder", "profile": "econ_t", "register_profile": "econ_t",
        "input": {"height": 8, "width": 8, "channels": 1, "format": fmt(8, 7, False), "cell_positions": []},
        "layers": [
            {"name": "conv", "kind": "conv2d", **shared, "product_fraction": 7, "output": fmt(8, 7, False),
             "filters": 8, "kernel_size": [3, 3], "strides": [2, 2], "padding": "same"},
            {"name": "dense", "kind": "dense", **shared, "product_fraction": 8,
             "output": fmt(9, 8, False), "units": 16},
        ],
    }  # fmt: skip


def _results(links: int, factor: float = 1.0) -> list[dict[str, Any]]:
    rows = []
    for sample, scale in {"all": 0.8, **SAMPLES}.items():
        for algorithm, rule, bits, values in sorted(ROWS, key=str):
            strength = factor * scale * (1.9 if algorithm == "autoencoder" and scale < 0.5 else 1.0)
            bins = [
                {"low": low, "high": high, "events": events, "emd_mean": strength * value}
                for (low, high), events, value in zip(EDGES, EVENTS, values, strict=True)
            ]
            if scale < 0.2:
                bins[-1] |= {"events": 0, "emd_mean": None}
            mean = strength * float(np.average(values, weights=EVENTS))
            rows.append(
                {
                    "algorithm": algorithm, "rule": rule, "sample": sample, "links": links,
                    "payload_bits": bits * links // 2,
                    "events": sum(EVENTS), "seeds": 1, "emd_mean": mean,
                    "emd_median": 0.9 * mean, "emd_q16": 0.3 * mean,
                    "emd_q84": 1.7 * mean, "sum_relative_error_mean": 0.015,
                    "empty_fraction": 0.33 if algorithm == "threshold_sum" else 0.0, "by_occupancy": bins,
                }
            )  # fmt: skip
    return rows


def _example(rng: np.random.Generator, sample: str) -> dict[str, Any]:
    """Two blobs of charge and some noise, smeared for the reconstruction."""
    busy = sample.startswith("busy")
    centres = XY_CM[rng.integers(0, 48, 2 if busy else 1)]
    distance = np.linalg.norm(XY_CM[:, None] - centres[None], axis=2)
    energies: npt.NDArray[np.float64] = np.exp(-distance / 1.6) @ rng.uniform(100, 900, len(centres))
    noise = rng.exponential(14, 48) * (rng.random(48) < (0.5 if busy else 0.05))
    true = np.floor(energies * (energies > 20) + noise)
    weights = np.exp(-np.linalg.norm(XY_CM[:, None] - XY_CM[None], axis=2) / 0.8)
    smeared = weights @ true
    reconstructed = smeared / smeared.sum() * true.sum() * 0.99
    return {
        "sample": sample, "true": true.astype(int).tolist(), "reconstructed": reconstructed.tolist(),
        "latents": rng.integers(0, 8, 16).tolist(), "emd": float(rng.uniform(0.2, 1.1)),
    }  # fmt: skip


def _manifest() -> dict[str, Any]:
    names = {
        "firmware/": ["econ_encoder.cpp", "econ_encoder.h", "defines.h", "kernels.h", "weight_registers.h"],
        "rtl/": ["econ_pkg.sv", "econ_top.sv", "conv.sv", "dense.sv", "converter.sv", "weight_bank.sv", "voter.sv",
                 "triple_register.sv", "i2c_target.sv", "files.f"],
        "registers/": ["econ_ae.rdl", "econ_ae.yaml", "econ_ae.h", "econ_ae.md"],
        "tb_data/": ["tb_charges.dat", "tb_input_features.dat", "tb_output_predictions.dat", "tb_weights.dat"],
        "": ["build_prj.tcl", "econ_encoder_test.cpp"],
    }  # fmt: skip
    files = [
        {"path": folder + name, "sha256": f"{i:02x}{j:02x}" * 16, "bytes": 1800 * (i + 1) + 377 * j}
        for i, (folder, members) in enumerate(names.items())
        for j, name in enumerate(members)
    ]
    return {
        "generator": "asic_flow", "version": "0.1.0", "structure_sha256": STRUCTURE, "files": files,
        "parameters": {
            "n_weights": 2144, "weight_bits": 12864, "latent_bits": 9,
            "accumulators": [
                {"layer": "conv", "minimum": -2432, "maximum": 2345, "width": 13,
                 "products": 1152, "live_products": 680},
                {"layer": "dense", "minimum": -32888, "maximum": 31866, "width": 17,
                 "products": 2048, "live_products": 2048},
            ],
        },
    }  # fmt: skip


def _write_registers(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {
        "weights_byte_*": {"addr_offset": 0, "size_byte": 16, "addr_shift": 16, "n_iterations": 8, "value": [0] * 8},
        "weights_byte128": {"addr_offset": 128, "size_byte": 6, "value": 0},
    }
    chip = {
        "ninput": 12, "noutput": 13,
        "RW": {
            "AUTOENCODER_*INPUT_ALL": {"block_shift": 143, "addr_base": 0x0538, "registers": weights},
            "AE_CONTROL_ALL": {"addr_base": 0x0C00, "registers": {"control": {"addr_offset": 0, "size_byte": 1}}},
        },
        "RO": {"AE_STATUS_ALL": {"addr_base": 0x0C10, "registers": {"seu_count": {"addr_offset": 0, "size_byte": 2}}}},
    }  # fmt: skip
    path.write_text(yaml.safe_dump({"ECON-T": chip}, sort_keys=False))


def _verification() -> dict[str, Any]:
    rungs = (
        ("keras_emulator", "Keras forward pass", "emulator", 20000, 144, 3.2, "conv and dense outputs of every event"),
        (
            "emulator_cpp",
            "emulator",
            "C++ (g++, ac_fixed)",
            20000,
            16,
            9.8,
            "20,000 real events and 128 stress vectors",
        ),
        (
            "emulator_rtl",
            "emulator",
            "RTL (Verilator, cocotb)",
            2000,
            16,
            74.0,
            "one event per clock after the I2C load",
        ),
    )
    checks = [
        {
            "name": name, "level_a": a, "level_b": b, "events": events, "values": events * width, "mismatches": 0,
            "status": "pass", "seconds": seconds, "detail": detail, "first_mismatch": None,
        }
        for name, a, b, events, width, seconds, detail in rungs
    ]  # fmt: skip
    controls = (
        ("flipped weight bit", "bit 4711 of the stream: 388 latents differ"),
        ("edited vector", "one latent of event 17 raised by 1"),
        ("empty vector file", "the test bench stops: no events"),
        ("wrong calibration", "calibration of cell 3 set to 0"),
    )
    return {
        "profile": "econ_t", "verdict": "pass", "checks": checks, "latency_clocks": 2, "clock_ns": 25.0,
        "i2c": {"bytes_written": 1608, "readback_ok": True, "bus_khz": 1000},
        "negative_controls": [{"name": name, "caught": True, "detail": detail} for name, detail in controls],
    }  # fmt: skip
