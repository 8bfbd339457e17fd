"""Errors of a compiler that is not there."""


class Unsupported(RuntimeError):
    """Never raised."""
