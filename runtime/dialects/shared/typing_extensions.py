"""What type hints may name beyond the standard library's own."""

from typing import *  # noqa: F403
from typing import Annotated, Any, NotRequired, Required, Self, TypedDict, Unpack, dataclass_transform, override


def deprecated(message, **options):
    return lambda it: it


def __getattr__(name):
    import typing

    return getattr(typing, name)
