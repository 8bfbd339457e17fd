"""Functions with a gradient of their own: only their forward is run."""

from . import function
from .function import Function
from .profiler import profile


def grad(*args, **kwargs):
    raise NotImplementedError("this machine computes forward only")
