"""Dropout: nothing is dropped in evaluation."""

from .. import functional as F
from .module import Module


class Dropout(Module):
    """Zeroes elements while training."""

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        self.p = p
        self.inplace = inplace

    def forward(self, input):
        return F.dropout(input, self.p, self.training) if self.training and self.p else input

    def extra_repr(self):
        return f"p={self.p}"


class Dropout1d(Dropout):
    """As Dropout."""


class Dropout2d(Dropout):
    """As Dropout."""


class Dropout3d(Dropout):
    """As Dropout."""


class AlphaDropout(Dropout):
    """As Dropout."""
