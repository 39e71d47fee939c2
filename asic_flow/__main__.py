"""``python -m asic_flow`` is the same as ``asic_flow``."""

from asic_flow.cli import main

main()
