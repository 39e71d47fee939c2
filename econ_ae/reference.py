"""``python -m econ_ae.reference FOLDER``: write the configuration reference and the JSON schemas into the documents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asic_flow.ir import Structure
from econ_ae.config import RunConfig
from hgcal_data.files import atomic_write_text

CONFIGURATION = "configuration.md"
_HEADER = """# Configuration

One YAML file configures a run; unknown keys are errors. `--set key=value` on the command line of `python -m econ_ae.train`
changes single keys (`--set train.links=5`). This page is generated from the schema (`python -m econ_ae.reference docs`).

| key | type | default | meaning |
|---|---|---|---|
"""


def documents() -> dict[str, str]:
    """All generated documents by path relative to the documents' folder."""
    config, structure = RunConfig.model_json_schema(), Structure.model_json_schema()
    rows = "".join(f"| `{key}` | {kind} | {default} | {text} |\n" for key, kind, default, text in _rows(config))
    return {
        CONFIGURATION: _HEADER + rows,
        "schemas/config.schema.json": json.dumps(config, indent=2, sort_keys=True) + "\n",
        "schemas/encoder.schema.json": json.dumps(structure, indent=2, sort_keys=True) + "\n",
    }


def _rows(schema: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(key, type, default, meaning) of every key, depth first."""
    definitions = schema.get("$defs", {})

    def walk(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
        for name, field in node.get("properties", {}).items():
            target, many = _target(field, definitions)
            key = f"{prefix}{name}{'[]' if many else ''}"
            default = "required" if name in node.get("required", []) else "" if target is not None else _default(field)
            meaning = field.get("description") or (target or {}).get("description", "")
            yield key, _kind(field, definitions), default, _cell(meaning)
            if target is not None:
                yield from walk(target, key + ".")

    yield from walk(schema, "")


def _target(field: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
    """Object that a field refers to, directly or as list items, and whether it is a list."""
    options = [field, *field.get("allOf", []), *field.get("anyOf", [])]
    for option in options:
        items = option.get("items", {})
        for reference, many in ((option.get("$ref"), False), (items.get("$ref"), True)):
            if reference is not None:
                found = definitions[reference.rsplit("/", 1)[-1]]
                if "properties" in found:
                    return found, many
    return None, False


def _kind(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Type of a field in words."""
    if "enum" in field:
        return " or ".join(str(value) for value in field["enum"])
    if "const" in field:
        return str(field["const"])
    if "$ref" in field:
        found = definitions[field["$ref"].rsplit("/", 1)[-1]]
        return _kind(found, definitions) if "properties" not in found else "section"
    for joined in ("anyOf", "oneOf", "allOf"):
        if joined in field:
            return " or ".join(dict.fromkeys(_kind(option, definitions) for option in field[joined]))
    if field.get("type") == "array":
        return "list"
    return {"object": "mapping", "null": "none"}.get(field.get("type", "any"), str(field.get("type", "any")))


def _default(field: dict[str, Any]) -> str:
    """Default of a field that is not required; a factory's default is an empty container."""
    return f"`{json.dumps(field['default'])}`" if "default" in field else "empty"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def write(folder: Path) -> None:
    """Write every generated document."""
    for name, text in documents().items():
        atomic_write_text(folder / name, text)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
