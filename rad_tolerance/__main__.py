"""``python -m rad_tolerance``."""

from rad_tolerance.cli import main

main()
