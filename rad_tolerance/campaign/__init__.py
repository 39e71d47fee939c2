"""Injection of upsets and transients into the running RTL: every flip-flop, then random time and place."""
