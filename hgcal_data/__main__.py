"""``python -m hgcal_data``."""

from __future__ import annotations

from hgcal_data.cli import main

if __name__ == "__main__":
    main()
