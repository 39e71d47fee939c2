"""Configuration of ``asic_flow build``: technology, clock, reset, effort, stages (``asic.catapult`` in config.yml).

Values are written into ``build_prj.tcl`` inside Tcl braces, so characters that Tcl would interpret are refused here.
Option names follow public scripts of Catapult 10.x to 2024.2 (facts/hls4ml-and-catapult.md 2.3); none was run by us.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from asic_flow.errors import FlowError


class Stage(StrEnum):
    """Stages of a build, in order; values are the names of user hooks (``hooks/<stage>.tcl``)."""

    ANALYZE = "analyze"
    COMPILE = "compile"
    CSIM = "csim"
    LIBRARIES = "libraries"
    ASSEMBLY = "assembly"
    ARCHITECT = "architect"
    ALLOCATE = "allocate"
    SCHEDULE = "schedule"
    DPFSM = "dpfsm"
    EXTRACT = "extract"
    RTL_CHECK = "rtl_check"
    POWER = "power"


STAGES = tuple(Stage)


def _plain(text: str) -> str:
    if not text or any(character in text for character in '{}[]$\\";\n\t '):
        raise ValueError(
            f"{text!r} must be non-empty, without spaces, quotes, braces, brackets, '$', ';' or backslashes"
        )
    return text


def _plain_path(path: Path) -> Path:
    if any(character in str(path) for character in '{}[]\\"\n'):
        raise ValueError(f"path {str(path)!r} holds a character that Tcl interprets")
    return path


Name = Annotated[str, AfterValidator(_plain)]
TclPath = Annotated[Path, AfterValidator(_plain_path)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Technology(_Model):
    """Libraries that map operators to gates."""

    libraries: tuple[Name, ...] = Field(
        default=("nangate-45nm_beh",), min_length=1,
        description="characterised Catapult libraries; nangate-45nm_beh comes with the tool",
    )  # fmt: skip
    rtl_tool: Literal["OasysRTL", "DesignCompiler", "RTLCompiler"] = Field(
        default="OasysRTL", description="RTL synthesis tool the libraries were characterised for (-rtlsyntool)"
    )
    vendor: Name | None = Field(
        default=None, description="-vendor of the library, needed by some RTLCompiler libraries"
    )
    node: Name | None = Field(
        default=None, description="-technology of the library, needed by some RTLCompiler libraries"
    )
    memory_libraries: tuple[Name, ...] = Field(
        default=("ccs_sample_mem",), description="memory libraries; the encoder itself uses none"
    )
    search_paths: tuple[TclPath, ...] = Field(
        default=(),
        description="folders of your own characterised libraries (ComponentLibs/SearchPath and TechLibSearchPath)",
    )


class Clock(_Model):
    """The one clock."""

    name: Name = Field(default="clk", description="clock port")
    period_ns: float = Field(default=25.0, gt=0, description="clock period (ns); 25 ns is the LHC bunch crossing")
    uncertainty_ns: float = Field(
        default=3.125, ge=0, description="margin subtracted from the period (ns); 12.5 % as in the public ECON-T recipe"
    )

    @model_validator(mode="after")
    def _margin_fits(self) -> Clock:
        if self.uncertainty_ns >= self.period_ns:
            raise ValueError(f"uncertainty_ns {self.uncertainty_ns} must be smaller than period_ns {self.period_ns}")
        return self


class Reset(_Model):
    """Reset of all registers."""

    kind: Literal["sync", "async", "both"] = Field(
        default="async", description="async: arst_n, active low; sync: rst, active high"
    )
    clears_all_registers: bool = Field(default=True, description="reset the data path too (-RESET_CLEARS_ALL_REGS)")


class Power(_Model):
    """Power estimation with the activity of the test bench."""

    simulator: Literal["QuestaSIM", "VCS", "NCSim"] = Field(
        default="QuestaSIM", description="Verilog simulator of SCVerify"
    )


class CatapultConfig(_Model):
    """Everything `asic_flow build` can be told."""

    design: Literal["top", "datapath", "weight_bank"] = Field(
        default="top",
        description="block to synthesise: everything, or one part (its weights are then [DirectInput] ports)",
    )
    technology: Technology = Field(default_factory=Technology)
    clock: Clock = Field(default_factory=Clock)
    reset: Reset = Field(default_factory=Reset)
    power: Power = Field(default_factory=Power)
    goal: Literal["area", "latency"] = Field(default="area", description="-DESIGN_GOAL")
    effort: Literal["low", "normal", "high"] = Field(default="normal", description="-GATE_EFFORT")
    max_latency: int = Field(default=2, ge=1, description="clocks from charges to latents; the chip has two")
    safe_fsm: bool = Field(
        default=True, description="recover from illegal states (-SAFE_FSM); off by default in the tool"
    )
    last_stage: Stage = Field(default=Stage.EXTRACT, description="last stage to run")
    csim: bool = Field(default=True, description="run the C++ test bench inside Catapult after compile")
    hooks: TclPath | None = Field(
        default=None,
        description="folder with <stage>.tcl files sourced before each stage; default: hooks/ in the project",
    )
    cpp_standard: Literal["c++11", "c++14", "c++17"] = Field(
        default="c++11", description="language standard given to the tool (Input/CppStandard)"
    )
    include_paths: tuple[TclPath, ...] = Field(
        default=(), description="more folders for C++ headers (Input/SearchPath)"
    )
    executable: Path | None = Field(
        default=None, description="catapult program; default: PATH, $MGC_HOME/bin, $CATAPULT_HOME/bin"
    )
    timeout_hours: float = Field(default=24.0, gt=0, description="the tool is stopped after this time (hours)")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stages to run, in order."""
        chosen = STAGES[: STAGES.index(self.last_stage) + 1]
        return tuple(stage for stage in chosen if stage is not Stage.CSIM or self.csim)


def parse_config(section: dict[str, Any]) -> CatapultConfig:
    """Validate the ``asic.catapult`` section.

    Raises:
        FlowError: an unknown key or a wrong value, named in the message.
    """
    try:
        return CatapultConfig.model_validate(section)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["asic.catapult", *(str(part) for part in first["loc"])])
        raise FlowError(
            f"reading the Catapult configuration: key {where}: {first['msg']} (found {first['input']!r})"
        ) from error
