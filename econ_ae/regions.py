"""``python -m econ_ae.train --regions FILE``: one weight set per region of the detector, and the library that holds them.

Every region (layers, radius or eta, links) is fine-tuned from a start run on its own modules. The library has one register
image and one weight file per region, and ``index.json``, which says for every module (layer, wafer u, v) what to load.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator
from rich.console import Console

from asic_flow.images import pack, write_image
from asic_flow.ir import read_structure
from asic_flow.weights import WeightSet, read_weights
from econ_ae.config import RunConfig, explain, load_config
from econ_ae.config_networks import Section
from econ_ae.errors import TrainingError
from hgcal_data.files import atomic_path, atomic_write_text
from hgcal_data.simulate.layout import Layout, build_layout, layer_z, wafer_centre

if TYPE_CHECKING:
    from econ_ae.dataset import RunData

Integers = NDArray[np.int64]
Range = tuple[float, float]
DEFAULT_IMAGE = "start"
"""Image of modules that lie in no region: the start run's weights."""


class RegionConfig(Section):
    """One region; a module belongs to the first region of the file that it lies in."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="name of the region and of its image")
    layers: tuple[int, int] = Field(default=(1, 50), description="first and last layer")
    radius_cm: Range | None = Field(default=None, description="radius of the module's centre, from (included) to")
    eta: Range | None = Field(default=None, description="pseudorapidity of the module's centre, from (included) to")
    links: Literal[1, 2, 3, 4, 5] | None = Field(default=None, description="output links; default: the base's")
    set: tuple[str, ...] = Field(default=(), description="changes to the base configuration, KEY=VALUE")

    def contains(self, layer: Integers, wafer_u: Integers, wafer_v: Integers) -> NDArray[np.bool_]:
        """Whether modules int64[n] lie in the region, bool[n]."""
        radius = np.hypot(*wafer_centre(wafer_u, wafer_v))
        eta = np.arcsinh(layer_z(layer) / radius)
        inside = (layer >= self.layers[0]) & (layer <= self.layers[1])
        for limits, values in ((self.radius_cm, radius), (self.eta, eta)):
            if limits is not None:
                inside = inside & (values >= limits[0]) & (values < limits[1])
        return np.asarray(inside, dtype=np.bool_)


class RegionsConfig(Section):
    """A weight library: base configuration, start run, regions."""

    output: Path = Field(description="folder of the library")
    base: Path = Field(
        description="configuration of data, encoder and training; its data must have layer, wafer u and v"
    )
    set: tuple[str, ...] = Field(default=(), description="changes to the base configuration for all regions, KEY=VALUE")
    start_from: Path | None = Field(
        default=None, description="run every region is fine-tuned from; default: from scratch"
    )
    min_rows: int = Field(default=200, ge=10, description="training rows a region needs")
    image_format: Literal["yaml", "p1", "hex", "raw", "c", "lpgbt"] = Field(
        default="yaml", description="format of the register images (asic_flow weights)"
    )
    regions: tuple[RegionConfig, ...] = Field(min_length=1, description="regions, the first match wins")

    @model_validator(mode="after")
    def _names(self) -> RegionsConfig:
        names = [region.name for region in self.regions]
        if len(set(names)) != len(names) or DEFAULT_IMAGE in names:
            raise ValueError(f"regions: names must be unique and not {DEFAULT_IMAGE!r}, found {names}")
        return self


def load_regions(path: Path, settings: Sequence[str] = ()) -> RegionsConfig:
    """Read a regions file; `settings` are further changes to the base configuration for all regions.

    Raises:
        TrainingError: the file is missing, is not YAML, or holds an unknown or wrong key.
    """
    try:
        content = yaml.safe_load(path.read_bytes())
        config = RegionsConfig.model_validate(content)
    except OSError as error:
        raise TrainingError(f"reading regions {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise TrainingError(f"reading regions {path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise TrainingError(f"reading regions {path}: {explain(error)}") from error
    return config.model_copy(update={"set": (*config.set, *settings)})


def assign(config: RegionsConfig, layer: Integers, wafer_u: Integers, wafer_v: Integers) -> Integers:
    """Number of the region of every module, int64[n]; -1 where there is none."""
    found = np.full(len(layer), -1, dtype=np.int64)
    for number, region in enumerate(config.regions):
        found[(found < 0) & region.contains(layer, wafer_u, wafer_v)] = number
    return found


def train_regions(config: RegionsConfig, *, fresh: bool = False, console: Console | None = None) -> Path:
    """Train every region and write the library; returns ``index.json``. Finished regions of an earlier start are kept.

    Raises:
        TrainingError: data without module coordinates, a region without modules or with too few rows, or an error of a
            training.
        DataError: bad data.
    """
    from econ_ae.dataset import make_data
    from econ_ae.run_training import train

    layout = build_layout()
    places = assign(config, layout.layer, layout.wafer_u, layout.wafer_v)
    jobs = [_job(config, number, places) for number in range(len(config.regions))]
    base = load_config(config.base, config.set)
    data = make_data(base.data, base.seed)
    numbers = _rows_of_regions(config, data)
    parts = [_select(config, data, numbers, number) for number in range(len(jobs))]
    images = []
    for number, (run, part) in enumerate(zip(jobs, parts, strict=True)):
        run = _with_known_samples(run, part.samples)  # noqa: PLW2901
        if fresh or not _finished(run):
            train(run, fresh=fresh, console=console, data=part)
        images.append(_export(config, config.regions[number].name, run.output, run.train.links, run))
    if config.start_from is not None:
        images.append(_export(config, DEFAULT_IMAGE, config.start_from, None, None))
    index = _index(config, layout, places, images)
    path = config.output / "index.json"
    atomic_write_text(path, json.dumps(index, indent=1) + "\n")
    if console is not None:
        console.print(f"weight library {path}: {len(images)} images for {len(layout)} modules", highlight=False)
    return path


def _job(config: RegionsConfig, number: int, places: Integers) -> RunConfig:
    """Run configuration of a region."""
    region = config.regions[number]
    if not np.any(places == number):
        raise TrainingError(
            f"region {region.name!r}: no module of the detector lies in it (or an earlier region took all)"
        )
    settings = [*config.set, *region.set, f"name={region.name}", f"output={config.output / 'runs' / region.name}"]
    if region.links is not None:
        settings.append(f"train.links={region.links}")
    if config.start_from is not None:
        settings.append(f"train.start_from={config.start_from}")
    return load_config(config.base, settings)


def _rows_of_regions(config: RegionsConfig, data: RunData) -> Integers:
    """Region of every row of the data."""
    readings = data.readings
    if readings.layer is None or readings.wafer_u is None or readings.wafer_v is None:
        raise TrainingError(
            f"regions of {config.base}: the data lack the columns layer, wafer_u and wafer_v, so that no row can be placed; "
            "use simulated modules, HDF5 of this package, or a CSV with these columns"
        )
    return assign(config, readings.layer, readings.wafer_u, readings.wafer_v)


def _select(config: RegionsConfig, data: RunData, numbers: Integers, number: int) -> RunData:
    """Rows of one region; a sample without training, validation or test rows there is left out."""
    from econ_ae.dataset import TRAIN, RunData

    mask = numbers == number
    usable = [
        i for i in range(len(data.samples)) if len(set(data.split[mask & (data.sample_index == i)].tolist())) == 3
    ]
    mask &= np.isin(data.sample_index, usable)
    rows = int((mask & (data.split == TRAIN)).sum())
    if rows < config.min_rows:
        raise TrainingError(
            f"region {config.regions[number].name!r}: {rows} training rows, min_rows asks for {config.min_rows}; use more data, "
            "a larger region, or a smaller min_rows"
        )
    index = np.searchsorted(usable, data.sample_index[mask]).astype(np.int16)
    names = tuple(data.samples[i] for i in usable)
    return RunData(data.readings.select(mask), data.split[mask], index, names)


def _with_known_samples(run: RunConfig, names: Sequence[str]) -> RunConfig:
    """The configuration without shares, weights and overlays of samples that have no row in the region."""
    train = run.train
    augment = train.augment
    changes: dict[str, Any] = {}
    if augment.samples is not None:
        changes["samples"] = tuple(name for name in augment.samples if name in names)
    if augment.overlay_from is not None and augment.overlay_from not in names:
        changes["overlay_from"] = None
    train = train.model_copy(
        update={
            "sample_shares": {name: share for name, share in train.sample_shares.items() if name in names},
            "sample_weights": {name: weight for name, weight in train.sample_weights.items() if name in names},
            "augment": augment.model_copy(update=changes),
        }
    )
    return run.model_copy(update={"train": train})


def _finished(run: RunConfig) -> bool:
    """Whether the run's folder holds the result of exactly this configuration."""
    path = run.output / "train" / "config.yml"
    return path.is_file() and path.read_text() == run.to_yaml()


@dataclass(frozen=True)
class _Image:
    name: str
    entry: dict[str, Any]


def _export(config: RegionsConfig, name: str, folder: Path, links: int | None, run: RunConfig | None) -> _Image:
    """Write weight file and register image of one run into the library."""
    structure = read_structure(folder / "encoder.json")
    weights, number = _weights_of(folder, links, structure)
    suffix = {"p1": "p1.yaml", "raw": "bin"}.get(config.image_format, config.image_format)
    files = {"weights": f"weights/{name}.json", "image": f"images/{name}.{suffix}"}
    write_image(weights, config.output / files["weights"])
    path = config.output / files["image"]
    atomic_write_text(config.output / "encoder.json", structure.to_json())
    with atomic_path(path) as temporary:
        temporary.write_bytes(pack(weights, config.image_format))
    entry: dict[str, Any] = {"name": name, "links": number, **files, "crc32": f"{weights.crc32:#010x}"}
    entry |= {"structure_sha256": structure.sha256, "run": str(folder)}
    metrics = folder / "train" / "metrics.json"
    if run is not None and metrics.is_file():
        content = json.loads(metrics.read_text())
        entry |= {key: content[key] for key in ("train_events", "best_epoch", "best_val_emd", "seconds")}
    return _Image(name, entry)


def _weights_of(folder: Path, links: int | None, structure: Any) -> tuple[WeightSet, int]:
    found = sorted(int(path.stem.removeprefix("links")) for path in (folder / "weights").glob("links*.json"))
    number = links if links is not None else found[0] if len(found) == 1 else None
    if number is None:
        raise TrainingError(
            f"weight library: {folder / 'weights'} holds weights for links {found}, expected one of them"
        )
    return read_weights(folder / "weights" / f"links{number}.json", structure), number


def _index(config: RegionsConfig, layout: Layout, places: Integers, images: Sequence[_Image]) -> dict[str, Any]:
    """``index.json``: images, and for every module the name of its image (null where nothing was trained)."""
    if len(shas := {image.entry["structure_sha256"] for image in images}) > 1:
        raise TrainingError(f"weight library {config.output}: the weight sets fit {len(shas)} different encoders")
    default = DEFAULT_IMAGE if config.start_from is not None else None
    names = [region.name for region in config.regions]
    modules = [
        {"layer": int(layer), "wafer_u": int(u), "wafer_v": int(v), "image": names[place] if place >= 0 else default}
        for layer, u, v, place in zip(layout.layer, layout.wafer_u, layout.wafer_v, places, strict=True)
    ]
    return {
        "schema_version": 1,
        "image_format": config.image_format,
        "encoder": "encoder.json",
        "images": [image.entry for image in images],
        "modules": modules,
    }
