"""Modules, parameters and functions of neural networks."""

from . import functional, init, parameter, utils
from .parameter import Buffer, Parameter, UninitializedParameter
from .modules import *  # noqa: F403
from . import attention, modules, parallel


def __getattr__(name):
    raise AttributeError(f"torch.nn has no `{name}` in this dialect")
