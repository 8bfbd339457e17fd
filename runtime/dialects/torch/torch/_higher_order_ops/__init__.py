"""Operators on functions."""

from .associative_scan import associative_scan
