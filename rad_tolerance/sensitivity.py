"""What upsets do to the latents: every single flip of a run's weights, ranked, and checked against brute force."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from asic_flow.emulator import Emulator
from asic_flow.errors import FlowError
from asic_flow.formats import Integers
from asic_flow.links import MAX_LINKS, bits_per_latent
from asic_flow.run_folder import RunFolder
from asic_flow.vectors import to_images
from asic_flow.weights import WeightSet, from_bytes
from hgcal_data.geometry import AE_TO_TC
from rad_tolerance.engine import Damage, FaultEngine
from rad_tolerance.errors import RadiationError
from rad_tolerance.faults import ValueFlips, WeightWords, WordFlips

MULTIPLICITIES: Final = (2, 4, 8, 16, 32)
"""Flips in one random pattern."""
BURSTS: Final = (2, 3, 4)
"""Neighbouring bits of the stream in one burst; register order stands in for the placement."""


class SensitivityOptions(BaseModel):
    """What is asked of `analyse`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    links: int | None = Field(default=None, ge=1, le=MAX_LINKS, description="link count; default: the only weight file")
    events: int = Field(default=10_000, ge=1, description="test modules of the run")
    seed: int = Field(default=1, ge=0, description="seed of everything drawn at random")
    patterns: int = Field(default=10, ge=0, description="random patterns of every multiplicity")
    checked: int = Field(default=24, ge=1, description="random single flips compared with brute force")
    worst: int = Field(default=50, ge=1, description="flips listed by name")
    threads: int | None = Field(default=None, ge=1, description="default: one per processor")


@dataclass(frozen=True)
class Sensitivity:
    """Result of `analyse`.

    Attributes:
        weights: the fault-free weights.
        links: link count.
        words: every weight word.
        flips: every single flip, in stream order.
        damage: of the single flips.
        value_flips: single flips of the values between the layers.
        value_damage: of those.
        summary: content of ``rad/sensitivity.json`` without EMD and figures.
    """

    weights: WeightSet
    links: int
    words: WeightWords
    flips: WordFlips
    damage: Damage
    value_flips: ValueFlips
    value_damage: Damage
    summary: dict[str, Any]

    @property
    def order(self) -> Integers:
        """Single flips by falling damage: mean change of the latents as sent, then at full width; ties in stream order."""
        return np.lexsort((-self.damage.total, -self.damage.total_sent))


def analyse(run: RunFolder, options: SensitivityOptions) -> Sensitivity:
    """All faults on test modules of a run.

    Raises:
        RadiationError: a structure or option that cannot be served.
        FlowError: the run is incomplete.
    """
    links, weights = _weights(run, options.links)
    charges = run.test_charges(options.events, options.seed)
    images = to_images(weights, charges[:, AE_TO_TC])
    structure = weights.structure
    sent_bits = bits_per_latent(structure, links)
    engine = FaultEngine(weights, sent_bits)
    words = WeightWords.of(weights)
    flips = WordFlips.of_count(words, 1)
    start = time.perf_counter()
    latents, damage = engine.run(images, words.faults(flips.words, flips.masks), threads=options.threads)
    seconds = time.perf_counter() - start
    pairs = WordFlips.of_count(words, 2)
    _, pair_damage = engine.run(images, words.faults(pairs.words, pairs.masks), threads=options.threads)
    value_flips = ValueFlips.of(structure)
    _, value_damage = engine.run(images, value_flips.faults(), threads=options.threads)
    rng = np.random.default_rng([options.seed, 7])
    sent_drop = structure.latent_format.width - sent_bits
    check = _brute_force(weights, images, latents, damage, sent_drop, rng, options.checked)
    summary = {
        "schema_version": 1,
        "title": "Sensitivity to upsets of weights and pipeline registers",
        "verdict": "pass" if _sound(check) else "fail",
        "profile": structure.profile.value,
        "links": links,
        "sent_bits_per_latent": sent_bits,
        "latent_bits": structure.latent_format.width,
        "events": len(images),
        "distinct_events": len(np.unique(charges, axis=0)),
        "seed": options.seed,
        "structure_sha256": structure.sha256,
        "weights_crc32": weights.crc32,
        "weight_bits": structure.weight_bits,
        "single_flip_seconds": round(seconds, 3),
        "brute_force": check,
        "single_flips": group(damage, slice(None), structure.n_latents),
        "by_layer": _rankings(words, flips, damage, structure.n_latents, ("tensor",)),
        "by_bit": _rankings(words, flips, damage, structure.n_latents, ("tensor", "bit")),
        "by_filter": _rankings(words, flips, damage, structure.n_latents, ("tensor", "output")),
        "double_flips_in_a_word": group(pair_damage, slice(None), structure.n_latents),
        "patterns": _patterns(weights, images, latents, sent_drop, rng, options.patterns),
        "value_flips": _value_ranking(value_flips, value_damage, structure.n_latents),
    }
    result = Sensitivity(weights, links, words, flips, damage, value_flips, value_damage, summary)
    summary["worst_flips"] = [describe(result, int(row)) for row in result.order[: options.worst]]
    return result


def _weights(run: RunFolder, links: int | None) -> tuple[int, WeightSet]:
    """Link count and weight set."""
    weights = run.weights(links)
    if links is not None:
        return links, weights
    name = next((run.path / "weights").glob("links*.json")).name
    found = re.fullmatch(r"links([1-9]\d*)\.json", name)
    if found is None:
        raise RadiationError(f"choosing weights in {run.path / 'weights'}: {name} names no link count; give --links N")
    return int(found[1]), weights


def measures(damage: Damage, latents: int) -> dict[str, NDArray[np.float64]]:
    """Measures of every fault, float64[n]: fractions of events, and mean ``|change|`` per event and latent in LSB."""
    events = damage.events
    return {
        "changed_event_fraction": damage.changed / events,
        "sent_changed_event_fraction": damage.changed_sent / events,
        "mean_abs_change_lsb": damage.total / (events * latents),
        "sent_mean_abs_change_lsb": damage.total_sent / (events * latents),
        "largest_change_lsb": damage.largest.astype(np.float64),
    }


def group(damage: Damage, rows: Any, latents: int) -> dict[str, Any]:
    """Mean and largest of every measure over some faults, and how many of them do nothing."""
    part = damage.take(rows)
    result: dict[str, Any] = {
        "flips": len(part.changed),
        "harmless_flips": int((part.changed == 0).sum()),
        "sent_harmless_flips": int((part.changed_sent == 0).sum()),
    }
    for name, values in measures(part, latents).items():
        result[f"{name}_average"] = _figures(float(values.mean()))
        result[f"{name}_worst"] = _figures(float(values.max()))
    return result


def _rankings(
    words: WeightWords, flips: WordFlips, damage: Damage, latents: int, keys: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Groups of single flips by tensor, bit position or filter, the most damaging (mean change as sent) first."""
    columns = {"tensor": words.tensor[flips.words], "bit": flips.bit, "output": words.output[flips.words]}
    chosen = np.stack([columns[key] for key in keys], axis=1)
    rows = []
    for values in np.unique(chosen, axis=0):
        members = np.flatnonzero((chosen == values).all(axis=1))
        labels = dict(zip(keys, values.tolist(), strict=True))
        rows.append({**labels, "tensor": words.tensors[labels["tensor"]], **group(damage, members, latents)})
    return sorted(rows, key=lambda row: -float(row["sent_mean_abs_change_lsb_average"]))


def _value_ranking(flips: ValueFlips, damage: Damage, latents: int) -> list[dict[str, Any]]:
    rows = []
    for tensor, name in enumerate(flips.tensors):
        for bit in np.unique(flips.bit[flips.tensor == tensor]).tolist():
            members = np.flatnonzero((flips.tensor == tensor) & (flips.bit == bit))
            rows.append({"values": name, "bit": bit, **group(damage, members, latents)})
    return rows


def describe(result: Sensitivity, row: int) -> dict[str, Any]:
    """One single flip by name: tensor, index as in Keras, bit, stream position, stored value and measures."""
    words, word = result.words, int(result.flips.words[row])
    name, bit = words.tensors[int(words.tensor[word])], int(result.flips.bit[row])
    shape = result.weights.structure.tensor_shapes()[name]
    flat = int(words.tap[word]) * shape[-1] + int(words.output[word])
    figures = measures(result.damage.take([row]), result.weights.structure.n_latents)
    return {
        "stream_bit": int(words.first_bit[word]) + bit,
        "tensor": name,
        "index": [int(i) for i in np.unravel_index(flat, shape)],
        "bit": bit,
        "stored": int(words.value[word]),
        **{key: _figures(float(value[0])) for key, value in figures.items()},
    }


def flip_bits(weights: WeightSet, bits: Integers) -> WeightSet:
    """Copy with several bits of the stream inverted."""
    data = np.unpackbits(np.frombuffer(weights.to_bytes(), dtype=np.uint8), bitorder="little")
    data[bits] ^= 1
    return from_bytes(weights.structure, np.packbits(data, bitorder="little").tobytes())


def _brute_force(
    weights: WeightSet,
    images: Integers,
    latents: Integers,
    damage: Damage,
    sent_drop: int,
    rng: np.random.Generator,
    count: int,
) -> dict[str, Any]:
    """Random single flips run through the emulator on all events; as a control, the same figures for their neighbours."""
    bits = rng.choice(len(damage.changed), size=min(count, len(damage.changed)), replace=False)
    expected = Damage.between(latents, [Emulator(weights.flip_bit(int(b))).run(images) for b in bits], sent_drop)
    found, neighbours = damage.take(bits), damage.take((bits + 1) % len(damage.changed))
    same = [found.take([i]).equals(expected.take([i])) for i in range(len(bits))]
    return {
        "flips": len(bits),
        "equal": sum(same),
        "latents_equal": bool(np.array_equal(latents, Emulator(weights).run(images))),
        "negative_control_caught": not neighbours.equals(expected),
    }


def _sound(check: dict[str, Any]) -> bool:
    return bool(check["equal"] == check["flips"] and check["latents_equal"] and check["negative_control_caught"])


def _patterns(
    weights: WeightSet, images: Integers, latents: Integers, sent_drop: int, rng: np.random.Generator, count: int
) -> list[dict[str, Any]]:
    """Several flips at once: random places in the bank, and bursts of neighbouring bits, through the emulator."""
    total = weights.structure.weight_bits
    drawn = [
        ("random places", n, [rng.choice(total, n, replace=False) for _ in range(count)])
        for n in MULTIPLICITIES
        if n <= total
    ]
    drawn += [
        ("neighbouring bits", n, [np.arange(n) + rng.integers(total - n + 1) for _ in range(count)])
        for n in BURSTS
        if n <= total
    ]
    rows = []
    for kind, flips, patterns in drawn:
        if patterns:
            faulty = [Emulator(flip_bits(weights, bits)).run(images) for bits in patterns]
            damage = Damage.between(latents, faulty, sent_drop)
            figures = group(damage, slice(None), weights.structure.n_latents)
            rows.append({"kind": kind, "bits": flips, "patterns": figures.pop("flips"), **figures})
    return rows


def _figures(value: float) -> float:
    """Seven significant figures: enough to compare, short to read."""
    return float(f"{value:.7g}")


def run_folder(path: Path) -> RunFolder:
    """A run folder.

    Raises:
        RadiationError: it does not exist.
    """
    try:
        return RunFolder(path)
    except FlowError as error:
        raise RadiationError(str(error)) from error
