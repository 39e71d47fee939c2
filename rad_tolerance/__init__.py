"""Radiation tolerance of the encoder: what every upset does to its latents, and how often upsets happen."""
