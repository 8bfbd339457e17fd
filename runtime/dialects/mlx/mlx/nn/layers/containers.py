"""Modules one after another."""

from .base import Module


class Sequential(Module):
    """Each module gets what the one before gave."""

    def __init__(self, *modules):
        super().__init__()
        self.layers = list(modules)

    def __call__(self, x):
        for it in self.layers:
            x = it(x)
        return x
