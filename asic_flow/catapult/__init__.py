"""Catapult: configuration, project script, runner and report parsers."""

from __future__ import annotations

from asic_flow.catapult.config import CatapultConfig, Stage, parse_config
from asic_flow.catapult.results import BuildResult
from asic_flow.catapult.runner import BuildPlan, catapult_command, plan_build, run_build
from asic_flow.catapult.tcl import render_build_prj
from asic_flow.catapult.wrapper import render_wrapper

__all__ = [
    "BuildPlan",
    "BuildResult",
    "CatapultConfig",
    "Stage",
    "catapult_command",
    "parse_config",
    "plan_build",
    "render_build_prj",
    "render_wrapper",
    "run_build",
]
