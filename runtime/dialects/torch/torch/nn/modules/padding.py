"""Padding as modules."""

from .. import functional as F
from .module import Module


class _Pad(Module):
    mode, rank = "constant", 1

    def __init__(self, padding, value=0.0):
        super().__init__()
        self.padding = (padding,) * (2 * self.rank) if isinstance(padding, int) else tuple(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, self.mode, self.value)


class ConstantPad1d(_Pad):
    """A constant at both ends."""


class ZeroPad2d(_Pad):
    """Zeros on four sides."""

    rank = 2


class ReflectionPad1d(_Pad):
    """Mirrored ends."""

    mode = "reflect"


class ReflectionPad2d(_Pad):
    """Mirrored sides."""

    mode, rank = "reflect", 2
