"""``mlx.nn``: the module tree and the layers that ports are built of."""

from . import init, layers, losses
from .layers import *  # noqa: F403
from .utils import average_gradients, value_and_grad


def __getattr__(name):
    raise AttributeError(f"mlx.nn has no `{name}` in this dialect")
