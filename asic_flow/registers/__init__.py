"""Register map of the on-detector encoder: one SystemRDL description, and everything derived from it."""
