"""Read a run folder: every result file that is there, checked against its model, with its hash."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from reports import inputs
from reports.errors import ReportError
from reports.files import sha256_file

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class SourceFile:
    """One kind of result file: where it lies, what it tells, and which command writes it."""

    path: str
    what: str
    command: str


CONFIG: Final = SourceFile("config.yml", "the configuration", "make demo")
STATISTICS: Final = SourceFile(
    "data/statistics.json", "input statistics", "python -m econ_ae.train --config {run}/config.yml"
)
HISTORY: Final = SourceFile(
    "train/history.csv", "the training curve", "python -m econ_ae.train --config {run}/config.yml"
)
TRAIN: Final = SourceFile("train/metrics.json", "the training", "python -m econ_ae.train --config {run}/config.yml")
DECODING: Final = SourceFile(
    "train/decoding.json", "the calibrated decoding", "python -m econ_ae.train --config {run}/config.yml"
)
METRICS: Final = SourceFile("evaluate/metrics.json", "reconstruction quality", "python -m econ_ae.evaluate {run}")
EXAMPLES: Final = SourceFile("evaluate/examples.json", "example modules", "python -m econ_ae.evaluate {run}")
ENCODER: Final = SourceFile(
    "encoder.json", "the encoder's structure", "python -m econ_ae.train --config {run}/config.yml"
)
WEIGHTS: Final = SourceFile("weights/*.json", "the weights", "python -m econ_ae.train --config {run}/config.yml")
MANIFEST: Final = SourceFile("asic/manifest.json", "the generated design", "asic_flow generate {run}")
REGISTERS: Final = SourceFile("asic/registers/*.yaml", "the register map", "asic_flow generate {run}")
VERIFY: Final = SourceFile("verify/results.json", "verification", "asic_flow verify {run}")
ESTIMATE: Final = SourceFile("estimate/budgets.json", "the comparison with budgets", "asic_flow check {run}")
SYNTHESIS: Final = SourceFile("estimate/estimate.json", "area, timing and power", "asic_flow estimate {run}")
RADIATION: Final = SourceFile("rad/*.json", "radiation tolerance", "python -m rad_tolerance sensitivity {run}")


RADIATION_FIGURES: Final = "rad/figures/*.svg"


@dataclass(frozen=True)
class RegisterBlocks:
    """A register block and how often the map repeats it."""

    copies: int
    block: inputs.RegisterBlock


@dataclass(frozen=True)
class RunFiles:
    """Everything found in a run folder; None or empty where a file is absent."""

    root: Path
    config_text: str | None = None
    budgets: inputs.Budgets = field(default_factory=inputs.Budgets)
    simulated: bool | None = None
    statistics: inputs.DataStatistics | None = None
    history: tuple[inputs.Epoch, ...] = ()
    train: inputs.TrainMetrics | None = None
    decoding: inputs.Decoding | None = None
    metrics: inputs.EvaluationMetrics | None = None
    examples: inputs.Examples | None = None
    encoder: inputs.Encoder | None = None
    weights: dict[str, inputs.WeightFile] = field(default_factory=dict)
    manifest: inputs.Manifest | None = None
    registers: dict[str, RegisterBlocks] = field(default_factory=dict)
    verification: inputs.Verification | None = None
    estimate: inputs.Estimate | None = None
    synthesis: inputs.SynthesisEstimate | None = None
    radiation: dict[str, inputs.RadiationFile] = field(default_factory=dict)
    radiation_figures: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def read_run(root: Path) -> RunFiles:
    """Read the result files of a run.

    Args:
        root: the run folder.

    Raises:
        ReportError: the folder does not exist, holds no result file, or a file in it is malformed.
    """
    if not root.is_dir():
        raise ReportError(f"reading run {root}: there is no such folder. Give a run folder, for example runs/demo")
    reader = _Reader(root)
    config = reader.config()
    files = RunFiles(
        root=root,
        config_text=config.text,
        budgets=config.budgets,
        simulated=config.simulated,
        statistics=reader.json(STATISTICS, inputs.DataStatistics),
        history=reader.history(),
        train=reader.json(TRAIN, inputs.TrainMetrics),
        decoding=reader.json(DECODING, inputs.Decoding),
        metrics=reader.json(METRICS, inputs.EvaluationMetrics),
        examples=reader.json(EXAMPLES, inputs.Examples),
        encoder=reader.json(ENCODER, inputs.Encoder),
        weights=reader.folder(WEIGHTS, inputs.WeightFile),
        manifest=reader.json(MANIFEST, inputs.Manifest),
        registers=reader.registers(),
        verification=reader.json(VERIFY, inputs.Verification),
        estimate=reader.json(ESTIMATE, inputs.Estimate),
        synthesis=reader.json(SYNTHESIS, inputs.SynthesisEstimate),
        radiation=reader.folder(RADIATION, inputs.RadiationFile),
        radiation_figures=reader.drawings(RADIATION_FIGURES),
        hashes=reader.hashes,
    )
    if not set(files.hashes) - {CONFIG.path}:
        raise ReportError(
            f"reading run {root}: found no result file in it (looked for {TRAIN.path}, {VERIFY.path} and others). "
            "Is it a run folder? `make demo` makes one in runs/demo"
        )
    return files


@dataclass(frozen=True)
class _Config:
    text: str | None
    budgets: inputs.Budgets
    simulated: bool | None


class _Reader:
    """Reads files below one folder and remembers the hash of each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hashes: dict[str, str] = {}

    def json(self, source: SourceFile, model: type[ModelT]) -> ModelT | None:
        """Read one JSON file, or None when it is absent."""
        return self._json(source.path, source, model)

    def folder(self, source: SourceFile, model: type[ModelT]) -> dict[str, ModelT]:
        """Read every file that matches the pattern of a source, by file name."""
        found: dict[str, ModelT] = {}
        for path in sorted(self.root.glob(source.path)):
            content = self._json(path.relative_to(self.root).as_posix(), source, model)
            if content is not None:
                found[path.name] = content
        return found

    def drawings(self, pattern: str) -> dict[str, str]:
        """SVG text of every file that matches a pattern, by stem; what is no SVG is left out."""
        texts = {
            path.stem: self._text(path.relative_to(self.root).as_posix()) for path in sorted(self.root.glob(pattern))
        }
        return {stem: text for stem, text in texts.items() if text is not None and "<svg" in text}

    def config(self) -> _Config:
        """Read ``config.yml``: its text, the budgets in it, and whether its data are simulated."""
        text = self._text(CONFIG.path)
        if text is None:
            return _Config(None, inputs.Budgets(), None)
        content = self._yaml(CONFIG.path, text)
        if not isinstance(content, dict):
            raise self._error(CONFIG.path, "top level", f"found {type(content).__name__}, expected a mapping", CONFIG)
        given = content.get("budgets") or {}
        budgets = self._validate(CONFIG.path, CONFIG, inputs.Budgets, given, prefix=("budgets",))
        return _Config(text, budgets, _is_simulated(content))

    def history(self) -> tuple[inputs.Epoch, ...]:
        """Read the training history, one row per epoch."""
        text = self._text(HISTORY.path)
        if text is None:
            return ()
        rows = list(csv.DictReader(text.splitlines()))
        missing = {"epoch", "loss", "val_loss"} - set(rows[0] if rows else ())
        if missing:
            expected = "columns epoch, loss, val_loss and at least one row"
            raise self._error(
                HISTORY.path, "row 1", f"missing {', '.join(sorted(missing))}; expected {expected}", HISTORY
            )
        adapter = TypeAdapter(tuple[inputs.Epoch, ...])
        cleaned = [{key: float(v) if _is_float(v) else v for key, v in row.items() if key and v != ""} for row in rows]
        try:
            return adapter.validate_python(cleaned)
        except ValidationError as error:
            row, *where = error.errors()[0]["loc"]
            key = f"row {int(row) + 2}, column {'.'.join(map(str, where))}"
            raise self._error(HISTORY.path, key, _found(error), HISTORY) from error

    def registers(self) -> dict[str, RegisterBlocks]:
        """Read the register map in the test stand's layout: chip, access, block."""
        blocks: dict[str, RegisterBlocks] = {}
        adapter = TypeAdapter(dict[str, inputs.RegisterBlock])
        for path in sorted(self.root.glob(REGISTERS.path)):
            name = path.relative_to(self.root).as_posix()
            chips = self._yaml(name, self._text(name) or "")
            if not isinstance(chips, dict) or not all(isinstance(chip, dict) for chip in chips.values()):
                raise self._error(name, "top level", "expected a mapping of chips, each a mapping", REGISTERS)
            for chip, content in chips.items():
                for access in ("RW", "RO", "WO"):
                    try:
                        members = adapter.validate_python(content.get(access) or {})
                    except ValidationError as error:
                        raise self._error(name, _key(error, (str(chip), access)), _found(error), REGISTERS) from error
                    for block, member in members.items():
                        copies = int(content.get("ninput", 1)) if member.block_shift is not None else 1
                        blocks[f"{block} ({access})"] = RegisterBlocks(copies, member)
        return blocks

    def _json(self, name: str, source: SourceFile, model: type[ModelT]) -> ModelT | None:
        text = self._text(name)
        if text is None:
            return None
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            found = f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
            raise self._error(name, "top level", found, source) from error
        return self._validate(name, source, model, content)

    def _validate(
        self, name: str, source: SourceFile, model: type[ModelT], content: object, prefix: tuple[str, ...] = ()
    ) -> ModelT:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            raise self._error(name, _key(error, prefix), _found(error), source) from error

    def _yaml(self, name: str, text: str) -> object:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}" if mark is not None else "top level"
            raise ReportError(
                f"reading {self.root / name}: at {where}: not YAML: {error.__class__.__name__}"
            ) from error

    def _text(self, name: str) -> str | None:
        path = self.root / name
        if not path.is_file():
            return None
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ReportError(f"reading {path}: {error}") from error
        self.hashes[name] = sha256_file(path)
        return text

    def _error(self, name: str, key: str, found: str, source: SourceFile) -> ReportError:
        again = "Correct it" if source is CONFIG else f"Write it again with `{source.command.format(run=self.root)}`"
        return ReportError(f"reading {self.root / name}: at {key}: {found}. {again}")


def _key(error: ValidationError, prefix: tuple[str, ...] = ()) -> str:
    return ".".join([*prefix, *map(str, error.errors()[0]["loc"])]) or "top level"


def _found(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "missing":
        return "the key is missing"
    value: Any = first["input"]
    shown = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return f"found {shown[:80]}; expected: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _is_float(text: object) -> bool:
    try:
        float(str(text))
    except ValueError:
        return False
    return True


def _is_simulated(config: dict[Any, Any]) -> bool | None:
    """Whether any source of the run's data is the simulation; None when the configuration does not tell."""
    data = config.get("data")
    sources = data.get("sources") if isinstance(data, dict) else None
    if not isinstance(sources, list) or not sources:
        return None
    return any(isinstance(source, dict) and source.get("simulate") is not None for source in sources)
