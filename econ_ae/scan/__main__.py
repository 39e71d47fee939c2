"""``python -m econ_ae.scan --config FILE [--trials N] [--workers N]``."""

from __future__ import annotations

from econ_ae.scan.cli import app

if __name__ == "__main__":
    app(prog_name="python -m econ_ae.scan")
