"""Catapult: project script, runner and report parsers."""
