"""Distributions that definitions draw from or compare with."""

from . import constraints, normal
from .categorical import Categorical
from .normal import Normal


class Distribution:
    """What type hints name."""


def __getattr__(name):
    raise AttributeError(f"torch.distributions has no `{name}` in this dialect")
