"""Serving many requests at once: not here."""
