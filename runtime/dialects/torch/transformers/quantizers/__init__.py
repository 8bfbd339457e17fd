"""Quantised checkpoints: not here."""
