"""Processors of text, images and sound: named in type hints only."""

from typing import TypedDict, Unpack


class ProcessingKwargs(TypedDict, total=False):
    """Keyword arguments of a processor."""


ImagesKwargs = TextKwargs = VideosKwargs = AudioKwargs = ProcessingKwargs


class ProcessorMixin:
    """Nothing is an instance of this."""
