"""``python -m econ_ae.exchange import|export``: models in and out."""

from __future__ import annotations

from econ_ae.exchange.cli import main

if __name__ == "__main__":
    main()
