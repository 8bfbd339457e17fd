"""Dropout, which only training does."""

import mlx.core as mx

from .base import Module


class Dropout(Module):
    """Some numbers left out while a model is trained."""

    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"The dropout probability {p} is not in [0, 1)")
        self._p_1 = 1 - p

    def _extra_repr(self):
        return f"p={1 - self._p_1}"

    def __call__(self, x):
        if self._p_1 == 1 or not self.training:
            return x
        return (1 / self._p_1) * mx.random.bernoulli(self._p_1, x.shape) * x
