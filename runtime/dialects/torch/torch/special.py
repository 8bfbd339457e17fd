"""Functions under their mathematical names."""

from ._pointwise import expit_names as _names
from ._pointwise import *  # noqa: F403


def __getattr__(name):
    found = _names().get(name)
    if found is None:
        raise AttributeError(f"torch.special has no `{name}` in this dialect")
    return found
