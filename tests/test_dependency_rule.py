"""The dependency rule of design.md section 1: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("hgcal_data", "asic_flow", "econ_ae", "rad_tolerance", "reports")
ALLOWED = {
    "hgcal_data": set(),
    "asic_flow": {"hgcal_data"},
    "econ_ae": {"hgcal_data", "asic_flow"},
    "rad_tolerance": {"hgcal_data", "asic_flow", "econ_ae"},
    "reports": {"hgcal_data"},
}
ML = {"tensorflow", "keras", "qkeras", "tf_keras"}


def imported_modules(source: str) -> set[str]:
    """Every absolute module named by an import statement anywhere in a file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def violations(package: str, source: str) -> set[str]:
    roots = {name.split(".")[0] for name in imported_modules(source)}
    forbidden = (roots & set(PACKAGES)) - ALLOWED[package] - {package}
    return forbidden | (roots & ML if package in {"asic_flow", "hgcal_data", "reports"} else set())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_imports_above_itself(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        assert not violations(package, path.read_text()), path


def test_the_check_can_fail() -> None:
    assert violations("hgcal_data", "import asic_flow.ir") == {"asic_flow"}
    assert violations("asic_flow", "def f():\n    from keras import ops\n") == {"keras"}
    assert violations("reports", "from econ_ae.config import RunConfig") == {"econ_ae"}


def module_graph() -> dict[str, set[str]]:
    modules: dict[str, Path] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: imported_modules(path.read_text()) & set(modules) - {name} for name, path in modules.items()}


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    state: dict[str, int] = {}

    def visit(name: str, trail: list[str]) -> list[str]:
        state[name] = 1
        for target in sorted(graph[name]):
            if state.get(target) == 1:
                return [*trail, name, target]
            if target not in state and (found := visit(target, [*trail, name])):
                return found
        state[name] = 2
        return []

    for name in sorted(graph):
        if name not in state and (found := visit(name, [])):
            return found
    return []


def test_no_import_cycles() -> None:
    graph = {name: {t for t in targets if not name.startswith(t + ".")} for name, targets in module_graph().items()}
    assert find_cycle(graph) == []


def test_cycle_search_can_fail() -> None:
    assert find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})


@pytest.mark.parametrize(
    "module", ["asic_flow.cli", "hgcal_data", "reports", "econ_ae", "econ_ae.config", "rad_tolerance.cli"]
)
def test_starts_without_tensorflow(module: str) -> None:
    code = f"import sys, {module}; bad = {sorted(ML)!r}; sys.exit(any(name in sys.modules for name in bad))"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0
