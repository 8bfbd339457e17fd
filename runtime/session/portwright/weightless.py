"""Building a model of any size without memory for its weights."""

import math
import sys

import _kernels
import torch
from torch import nn
from torch._creation import _SMALL, _full, _Lazily
from torch._tensor import sizes

_NAMES = ("zeros", "ones", "full", "rand", "randn")
# What fills a tensor with first values: nobody reads them.
_FILLERS = [name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]
_METHODS = ("normal_", "uniform_", "fill_", "zero_", "exponential_", "bernoulli_")


def _left(tensor, *args, **options):
    return tensor


def _left_if_large(fill):
    def filled(tensor, *args, **options):
        return tensor if tensor.numel() > _SMALL else fill(tensor, *args, **options)

    return filled


def _lazily(make):
    def made(*size, dtype=None, **options):
        shape = sizes(size or (options["size"],)) if size or "size" in options else None
        if shape is None or math.prod(shape) <= _SMALL:
            return make(*size, dtype=dtype, **options)
        # All elements are one.
        return _kernels.expand(_full((), 0, dtype), shape)

    return made


def _lazily_full(make):
    def made(size, fill_value, *, dtype=None, **options):
        if math.prod(sizes((size,))) <= _SMALL:
            return make(size, fill_value, dtype=dtype, **options)
        one = make((), fill_value, dtype=dtype, **options)
        return _kernels.expand(one, sizes((size,)))

    return made


class Weightless:
    """While it is entered, large tensors take no memory, and modules note the line that made them."""

    def __enter__(self):
        self._lazily = _Lazily()
        self._lazily.__enter__()
        self._before = {name: getattr(torch, name) for name in _NAMES}
        for name, make in self._before.items():
            setattr(torch, name, _lazily_full(make) if name == "full" else _lazily(make))
        self._fillers = {name: getattr(nn.init, name) for name in _FILLERS}
        for name in _FILLERS:
            setattr(nn.init, name, _left)
        self._methods = {name: getattr(torch.Tensor, name) for name in _METHODS}
        for name, fill in self._methods.items():
            setattr(torch.Tensor, name, _left_if_large(fill))
        self._set = nn.Module.__setattr__
        self._register = nn.Module.register_buffer
        nn.Module.__setattr__ = self._noting(self._set)
        nn.Module.register_buffer = self._noting(self._register)
        return self

    def __exit__(self, *exception):
        nn.Module.__setattr__ = self._set
        nn.Module.register_buffer = self._register
        for name, make in self._before.items():
            setattr(torch, name, make)
        for name, fill in self._fillers.items():
            setattr(nn.init, name, fill)
        for name, fill in self._methods.items():
            setattr(torch.Tensor, name, fill)
        return self._lazily.__exit__(*exception)

    @staticmethod
    def _noting(set_it):
        def noted(module, name, value, *more, **options):
            set_it(module, name, value, *more, **options)
            if isinstance(value, (nn.Module, torch.Tensor)):
                caller = sys._getframe(1)
                lines = module.__dict__.setdefault("_portwright_lines", {})
                lines.setdefault(name, [caller.f_code.co_filename, caller.f_lineno])

        return noted
