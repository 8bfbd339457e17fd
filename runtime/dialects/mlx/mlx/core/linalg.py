"""Norms and products of linear algebra."""

import _kernels

from . import _dtypes
from ._array import as_array


def norm(a, /, ord=None, axis=None, keepdims=False, *, stream=None):
    """The length of vectors; of matrices as one long vector."""
    a = as_array(a)
    a = a if a.dtype in _dtypes.inexact.members else _kernels.to_dtype(a, _dtypes.float32)
    axes = list(range(a.ndim)) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    if ord == "fro" or (ord is None) or (ord == 2 and len(axes) == 1):
        return _kernels.sqrt(_kernels.sum(_kernels.square(_kernels.abs(a)), axes, keepdims, a.dtype))
    if len(axes) != 1 or isinstance(ord, str):
        raise NotImplementedError(f"[linalg.norm] order {ord!r} of matrices is not in this dialect")
    if ord == float("inf"):
        return _kernels.amax(_kernels.abs(a), axes, keepdims)
    if ord == -float("inf"):
        return _kernels.amin(_kernels.abs(a), axes, keepdims)
    if ord == 0:
        return _kernels.sum(_kernels.to_dtype(_kernels.ne(a, 0), a.dtype), axes, keepdims, a.dtype)
    total = _kernels.sum(_kernels.pow(_kernels.abs(a), ord), axes, keepdims, a.dtype)
    return _kernels.pow(total, 1.0 / ord)


def solve_triangular(a, b, *, upper=False, stream=None):
    """The x of ``a @ x = b`` for a triangular ``a``."""
    return _kernels.solve_triangular(a, b, upper)


def tri_inv(a, upper=False, *, stream=None):
    """The inverse of a triangular matrix."""
    size = a.shape[-1]
    one = _kernels.expand(_kernels.eye(size, size, a.dtype), a.shape)
    return _kernels.solve_triangular(a, one, upper)


def __getattr__(name):
    raise AttributeError(f"mlx.core.linalg has no `{name}` in this dialect")
