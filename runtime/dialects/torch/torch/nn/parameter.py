"""Tensors that a module owns."""

import _kernels

from .._creation import empty
from .._tensor import Tensor


class Parameter(Tensor):
    """A weight: it shares the storage of the tensor that it is made from."""

    requires_grad = True

    def __new__(cls, data=None, requires_grad=True):
        result = _kernels.wrap(cls, empty(0) if data is None else data)
        if isinstance(data, Parameter):
            result.__dict__.update(data.__dict__)
        if not requires_grad:
            result.requires_grad = False
        return result

    def __init__(self, *args, **kwargs):
        pass


class Buffer(Tensor):
    """A tensor that a module keeps and does not learn."""

    persistent = True

    def __new__(cls, data=None, *, persistent=True):
        result = _kernels.wrap(cls, empty(0) if data is None else data)
        result.persistent = persistent
        return result

    def __init__(self, *args, **kwargs):
        pass


class UninitializedParameter(Parameter):
    """Nothing is an instance of this."""


def is_lazy(parameter):
    return False
