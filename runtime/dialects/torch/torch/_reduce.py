"""Sums, means, extremes and scans."""

import _kernels

from . import _kinds
from ._named import named
from ._tensor import Tensor

_Extreme = named("values", "indices")


def _dims(dim):
    return (dim,) if type(dim) is int else dim


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=False):
    return _kernels.sum(input, _dims(axis if dim is None else dim), keepdim or keepdims, dtype)


def nansum(input, dim=None, keepdim=False, *, dtype=None):
    return sum(_kernels.where(_kernels.isnan(input), 0, input), dim, keepdim, dtype=dtype)


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None):
    return _kernels.mean(input, _dims(axis if dim is None else dim), keepdim, dtype)


def prod(input, dim=None, keepdim=False, *, dtype=None):
    return _kernels.prod(input, _dims(dim), keepdim, dtype)


def amax(input, dim=None, keepdim=False, *, out=None):
    return _kernels.amax(input, _dims(dim), keepdim)


def amin(input, dim=None, keepdim=False, *, out=None):
    return _kernels.amin(input, _dims(dim), keepdim)


def aminmax(input, *, dim=None, keepdim=False):
    return named("min", "max")(amin(input, dim, keepdim), amax(input, dim, keepdim))


def max(input, dim=None, keepdim=False, *, out=None):
    if dim is None:
        return _kernels.amax(input, None, False)
    if isinstance(dim, Tensor):
        return _kernels.maximum(input, dim)
    return _Extreme(*_kernels.max_dim(input, dim, keepdim))


def min(input, dim=None, keepdim=False, *, out=None):
    if dim is None:
        return _kernels.amin(input, None, False)
    if isinstance(dim, Tensor):
        return _kernels.minimum(input, dim)
    return _Extreme(*_kernels.min_dim(input, dim, keepdim))


def argmax(input, dim=None, keepdim=False):
    return _kernels.argmax(input, dim, keepdim)


def argmin(input, dim=None, keepdim=False):
    return _kernels.argmin(input, dim, keepdim)


def all(input, dim=None, keepdim=False, *, out=None):
    return _kernels.all(input, _dims(dim), keepdim)


def any(input, dim=None, keepdim=False, *, out=None):
    return _kernels.any(input, _dims(dim), keepdim)


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    if type(dim) is bool:
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = 1 if unbiased else 0
    return _kernels.var(input, _dims(dim), correction, keepdim)


def std(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    return _kernels.sqrt(var(input, dim, unbiased, keepdim, correction=correction))


def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    return (var(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim))


def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    return (std(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim))


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    if dtype is not None:
        input = _kernels.to_dtype(input, dtype)
    p = 2.0 if p in ("fro", None) else float(p)
    return _kernels.norm(input, p, _dims(dim), keepdim)


def logsumexp(input, dim, keepdim=False):
    return _kernels.logsumexp(input, _dims(dim), keepdim)


def median(input, dim=None, keepdim=False):
    if dim is None:
        ordered = _kernels.sort(input.reshape(-1), 0, False)[0]
        return ordered[(ordered.shape[0] - 1) // 2]
    values, indices = _kernels.sort(input, dim, False)
    middle = (input.shape[dim] - 1) // 2
    values, indices = values.narrow(dim, middle, 1), indices.narrow(dim, middle, 1)
    return _Extreme(values, indices) if keepdim else _Extreme(values.squeeze(dim), indices.squeeze(dim))


def quantile(input, q, dim=None, keepdim=False):
    flat = input.reshape(-1) if dim is None else input
    axis = 0 if dim is None else dim
    ordered = _kernels.sort(flat, axis, False)[0]
    place = q * (ordered.shape[axis] - 1)
    low = int(place)
    high = low + (place > low)
    below, above = ordered.select(axis, low), ordered.select(axis, high)
    return below + (above - below) * (place - low)


def count_nonzero(input, dim=None):
    return _kernels.sum(_kernels.ne(input, 0), _dims(dim), False, _kinds.int64)


def cumsum(input, dim, *, dtype=None, out=None):
    return _kernels.cumsum(input, dim, dtype)


def cumprod(input, dim, *, dtype=None, out=None):
    return _kernels.cumprod(input, dim, dtype)


def cummax(input, dim):
    return _Extreme(*_kernels.cummax(input, dim))


def cummin(input, dim):
    values, indices = _kernels.cummax(_kernels.neg(input), dim)
    return _Extreme(_kernels.neg(values), indices)


def logcumsumexp(input, dim):
    top = _kernels.amax(input, (dim,), True)
    return _kernels.add(_kernels.log(_kernels.cumsum(_kernels.exp(_kernels.sub(input, top)), dim, None)), top)


def softmax(input, dim=None, dtype=None, _stacklevel=3):
    return _kernels.softmax(input, dim, dtype)


def log_softmax(input, dim=None, dtype=None, _stacklevel=3):
    return _kernels.log_softmax(input, dim, dtype)


def diff(input, n=1, dim=-1, prepend=None, append=None):
    parts = [it for it in (prepend, input, append) if it is not None]
    result = _kernels.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(n):
        length = result.shape[dim] - 1
        high, low = result.narrow(dim, 1, length), result.narrow(dim, 0, length)
        result = _kernels.ne(high, low) if result.dtype is _kinds.bool else _kernels.sub(high, low)
    return result


METHODS = (
    "sum", "nansum", "mean", "prod", "amax", "amin", "aminmax", "max", "min", "argmax", "argmin",
    "all", "any", "var", "std", "norm", "logsumexp", "median", "quantile", "count_nonzero",
    "cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "softmax", "log_softmax", "diff",
)
for _name in METHODS:
    setattr(Tensor, _name, globals()[_name])
