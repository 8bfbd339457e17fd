"""The little of numpy that ports and those who ask them use, over the kernels: floats and whole numbers."""

import math


from ._operations import *  # noqa: F403
from ._operations import float32, float64, int64, ndarray

inf, nan, pi, e, newaxis = math.inf, math.nan, math.pi, math.e, None
__version__ = "0 (of portwright)"


class generic:
    """Nothing is an instance of this."""


number = floating = integer = bool_ = generic


def __getattr__(name):
    raise AttributeError(f"numpy.{name}: only a few functions of numpy are here")
