"""Names and scalar values of nested mappings."""

from __future__ import annotations


def flat(content: object, prefix: str = "") -> dict[str, str]:
    """Names and scalar values of nested mappings, dotted; long lists become their length."""
    if isinstance(content, dict):
        found: dict[str, str] = {}
        for key, value in content.items():
            found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
        return found
    if isinstance(content, list) and (len(content) > 8 or any(isinstance(item, dict | list) for item in content)):
        return {prefix: f"{len(content)} entries"}
    if isinstance(content, list):
        return {prefix: ", ".join(map(_scalar, content))}
    return {prefix: _scalar(content)}


def _scalar(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
