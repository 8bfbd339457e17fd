"""Switches of a compiler that is not there."""

cache_size_limit = 8
