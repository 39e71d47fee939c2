"""Functions in Liberty's notation: ``!`` and ``'`` invert; ``*``, ``&`` or a space: AND; ``+`` or ``|``: OR; ``^``: XOR."""

from __future__ import annotations

import re
from collections.abc import Mapping

from asic_flow.errors import FlowError

_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_\[\]]*|[01]|[!'*&+|^()]")
_START = re.compile(r"[A-Za-z_01!(]")

Expression = tuple[str, ...] | tuple[str, "Expression"] | tuple[str, "Expression", "Expression"]


def evaluate(function: str, values: Mapping[str, int]) -> int:
    """Value (0 or 1) of the function for values of its pins."""
    return _value(parse(function), values)


def pins_of(function: str) -> frozenset[str]:
    """Names that occur in the function."""
    return frozenset(token for token in _TOKEN.findall(function) if token[0].isalpha() or token[0] == "_")


def parse(function: str) -> Expression:
    """The function as a tree: ``(name or 0 or 1,)``, ``("!", tree)``, ``("&" or "|" or "^", tree, tree)``.

    Raises:
        FlowError: the text is not in Liberty's notation.
    """
    tokens = _TOKEN.findall(function)
    if "".join(tokens) != re.sub(r"\s", "", function) or not tokens:
        raise FlowError(f"reading the function {function!r} of a library cell: unknown notation")
    try:
        tree, rest = _or(tokens)
    except IndexError as error:
        raise FlowError(f"reading the function {function!r} of a library cell: it ends too early") from error
    if rest:
        raise FlowError(f"reading the function {function!r} of a library cell: {rest[0]!r} stands where nothing should")
    return tree


def _or(tokens: list[str]) -> tuple[Expression, list[str]]:
    left, tokens = _and(tokens)
    while tokens and tokens[0] in "+|":
        right, tokens = _and(tokens[1:])
        left = ("|", left, right)
    return left, tokens


def _and(tokens: list[str]) -> tuple[Expression, list[str]]:
    left, tokens = _xor(tokens)
    while tokens and (tokens[0] in "*&" or _START.match(tokens[0])):
        right, tokens = _xor(tokens[1:] if tokens[0] in "*&" else tokens)
        left = ("&", left, right)
    return left, tokens


def _xor(tokens: list[str]) -> tuple[Expression, list[str]]:
    left, tokens = _factor(tokens)
    while tokens and tokens[0] == "^":
        right, tokens = _factor(tokens[1:])
        left = ("^", left, right)
    return left, tokens


def _factor(tokens: list[str]) -> tuple[Expression, list[str]]:
    head, tokens = tokens[0], tokens[1:]
    tree: Expression
    if head == "!":
        inner, tokens = _factor(tokens)
        tree = ("!", inner)
    elif head == "(":
        tree, tokens = _or(tokens)
        if tokens[0] != ")":
            raise IndexError
        tokens = tokens[1:]
    elif _START.match(head):
        tree = (head,)
    else:
        raise IndexError
    while tokens and tokens[0] == "'":
        tree, tokens = ("!", tree), tokens[1:]
    return tree, tokens


def _value(tree: Expression, values: Mapping[str, int]) -> int:
    if len(tree) == 1:
        return int(str(tree[0])) if tree[0] in {"0", "1"} else values[str(tree[0])]
    left = _value(child(tree, 1), values)
    if len(tree) == 2:
        return 1 - left
    right = _value(child(tree, 2), values)
    return {"&": left & right, "|": left | right, "^": left ^ right}[str(tree[0])]


def child(tree: Expression, index: int) -> Expression:
    """Part of a tree that is a tree itself."""
    part = tree[index]
    if isinstance(part, str):
        raise TypeError(part)
    return part
