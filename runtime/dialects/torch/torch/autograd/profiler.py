"""Profiling: none."""

from .._modes import _Context


class profile(_Context):
    """Records nothing."""


class record_function(_Context):
    """Records nothing."""
