"""Sums, extremes, scans and orders along axes."""

import _kernels

from . import _dtypes
from ._array import alias, as_array

_Base = _kernels.TensorBase
_SUMMED = {
    _dtypes.bool_: _dtypes.int32, _dtypes.int8: _dtypes.int32, _dtypes.int16: _dtypes.int32,
    _dtypes.int32: _dtypes.int32, _dtypes.int64: _dtypes.int64, _dtypes.uint8: _dtypes.uint32,
    _dtypes.uint16: _dtypes.uint32, _dtypes.uint32: _dtypes.uint32, _dtypes.uint64: _dtypes.uint64,
}


def _axes(a, axis):
    if axis is None:
        return list(range(a.ndim))
    return [axis] if isinstance(axis, int) else list(axis)


def _float(a):
    return a if a.dtype in _dtypes.inexact.members else _kernels.to_dtype(a, _dtypes.float32)


def sum(a, /, axis=None, keepdims=False, *, stream=None):
    """The sums."""
    a = as_array(a)
    axes = _axes(a, axis)
    if not axes:
        return alias(a)
    return _kernels.sum(a, axes, keepdims, _SUMMED.get(a.dtype, a.dtype))


def prod(a, /, axis=None, keepdims=False, *, stream=None):
    """The products."""
    a = as_array(a)
    kind = _SUMMED.get(a.dtype, a.dtype)
    if axis is None:
        found = _kernels.prod(a, None, False, kind)
        return _kernels.reshape(found, (1,) * a.ndim) if keepdims else found
    for it in sorted((it % a.ndim for it in _axes(a, axis)), reverse=True):
        a = _kernels.prod(a, [it], keepdims, kind)
    return a


def mean(a, /, axis=None, keepdims=False, *, stream=None):
    """The means."""
    a = _float(as_array(a))
    axes = _axes(a, axis)
    return _kernels.mean(a, axes, keepdims) if axes else alias(a)


def var(a, /, axis=None, keepdims=False, ddof=0, *, stream=None):
    """The variances."""
    a = _float(as_array(a))
    return _kernels.var(a, _axes(a, axis), ddof, keepdims)


def std(a, /, axis=None, keepdims=False, ddof=0, *, stream=None):
    """The standard deviations."""
    return _kernels.sqrt(var(a, axis, keepdims, ddof))


def _along(kernel, doc, kind=None):
    """A kernel along axes, of the elements as they are or as a dtype."""
    run = getattr(_kernels, kernel)

    def function(a, /, axis=None, keepdims=False, *, stream=None):
        a = as_array(a)
        if kind is not None and a.dtype is not kind:
            a = _kernels.to_dtype(a, kind)
        axes = _axes(a, axis)
        return run(a, axes, keepdims) if axes else alias(a)

    function.__doc__ = doc
    return function


max = _along("amax", "The largest elements along axes.")
min = _along("amin", "The smallest elements along axes.")
all = _along("all", "Whether all elements along axes are other than zero.", _dtypes.bool_)
any = _along("any", "Whether any element along axes is other than zero.", _dtypes.bool_)


def _place(kernel):
    run = getattr(_kernels, kernel)

    def function(a, /, axis=None, keepdims=False, *, stream=None):
        a = as_array(a)
        if a.dtype is _dtypes.bool_:
            a = _kernels.to_dtype(a, _dtypes.uint8)
        found = run(a, axis, keepdims if axis is not None else False)
        if keepdims and axis is None:
            found = _kernels.reshape(found, (1,) * a.ndim)
        return _kernels.to_dtype(found, _dtypes.uint32)

    function.__doc__ = f"``{kernel}`` along an axis, or over all elements."
    return function


argmax, argmin = _place("argmax"), _place("argmin")


def logsumexp(a, /, axis=None, keepdims=False, *, stream=None):
    """The logarithm of the sum of exponentials."""
    a = _float(as_array(a))
    return _kernels.logsumexp(a, _axes(a, axis), keepdims)


def softmax(a, /, axis=None, *, precise=False, stream=None):
    """Exponentials that add up to one."""
    a = _float(as_array(a))
    axes = _axes(a, axis)
    if len(axes) == 1:
        return _kernels.softmax(a, axes[0])
    axes = [it % a.ndim for it in axes]
    kept = [it for it in range(a.ndim) if it not in axes]
    moved = _kernels.permute(a, kept + axes)
    flat = _kernels.reshape(moved, [a.shape[it] for it in kept] + [-1])
    made = _kernels.reshape(_kernels.softmax(flat, -1), moved.shape)
    back = [(kept + axes).index(it) for it in range(a.ndim)]
    return _kernels.permute(made, back)


def _scan(run, a, axis, reverse, inclusive, start):
    a = as_array(a)
    if axis is None:
        a, axis = _kernels.reshape(a, (-1,)), 0
    if reverse:
        a = _kernels.flip(a, [axis])
    made = run(a, axis)
    if not inclusive:
        shape = list(a.shape)
        shape[axis] = 1
        first = _kernels.full(shape, start, made.dtype)
        rest = _kernels.narrow(made, axis, 0, a.shape[axis] - 1)
        made = _kernels.cat([first, rest], axis)
    return _kernels.flip(made, [axis]) if reverse else made


def _counted(a):
    return _dtypes.int32 if a.dtype is _dtypes.bool_ else a.dtype


def cumsum(a, /, axis=None, *, reverse=False, inclusive=True, stream=None):
    """The sums so far."""
    return _scan(lambda it, at: _kernels.cumsum(it, at, _counted(it)), a, axis, reverse, inclusive, 0)


def cumprod(a, /, axis=None, *, reverse=False, inclusive=True, stream=None):
    """The products so far."""
    return _scan(lambda it, at: _kernels.cumprod(it, at, _counted(it)), a, axis, reverse, inclusive, 1)


def _lowest(dtype):
    return -float("inf") if dtype in _dtypes.FLOATING else _dtypes.iinfo(dtype).min


def cummax(a, /, axis=None, *, reverse=False, inclusive=True, stream=None):
    """The largest so far."""
    a = as_array(a)
    return _scan(lambda it, at: _kernels.cummax(it, at)[0], a, axis, reverse, inclusive,
                 None if inclusive else _lowest(a.dtype))


def cummin(a, /, axis=None, *, reverse=False, inclusive=True, stream=None):
    """The smallest so far."""
    a = as_array(a)
    highest = None
    if not inclusive:
        highest = float("inf") if a.dtype in _dtypes.FLOATING else _dtypes.iinfo(a.dtype).max
    return _scan(lambda it, at: _kernels.cummin(it, at)[0], a, axis, reverse, inclusive, highest)


def logcumsumexp(a, /, axis=None, *, reverse=False, inclusive=True, stream=None):
    """The logarithms of the sums of exponentials so far."""
    return _scan(lambda it, at: _kernels.logcumsumexp(_float(it), at), a, axis, reverse, inclusive,
                 -float("inf"))


def _flat(a, axis):
    a = as_array(a)
    return (_kernels.reshape(a, (-1,)), 0) if axis is None else (a, axis)


def sort(a, /, axis=-1, *, stream=None):
    """The elements from small to large."""
    a, axis = _flat(a, axis)
    return _kernels.sort(a, axis)[0]


def argsort(a, /, axis=-1, *, stream=None):
    """The places of the elements from small to large; equal ones keep their order."""
    a, axis = _flat(a, axis)
    return _kernels.to_dtype(_kernels.argsort(a, axis), _dtypes.uint32)


def _require_place(a, kth, axis):
    if not -a.shape[axis] <= kth < a.shape[axis]:
        raise ValueError(f"[partition] Received invalid kth {kth} along axis {axis} "
                         f"for array with shape: {tuple(a.shape)}")


def partition(a, /, kth, axis=-1, *, stream=None):
    """The elements so that none before ``kth`` is larger; here they are sorted."""
    a, axis = _flat(a, axis)
    _require_place(a, kth, axis)
    return sort(a, axis)


def argpartition(a, /, kth, axis=-1, *, stream=None):
    """The places of ``partition``: among equal elements those that come first are small."""
    a, axis = _flat(a, axis)
    _require_place(a, kth, axis)
    return argsort(a, axis)


def topk(a, /, k, axis=-1, *, stream=None):
    """The ``k`` largest, from small to large."""
    a, axis = _flat(a, axis)
    if not 0 <= k <= a.shape[axis]:
        raise ValueError(f"[topk] Received invalid k={k} along axis {axis} "
                         f"for array with shape: {tuple(a.shape)}")
    return _kernels.narrow(sort(a, axis), axis, a.shape[axis] - k, k)


def median(a, /, axis=None, keepdims=False, *, stream=None):
    """The element in the middle, or the mean of two."""
    a = _float(as_array(a))
    axes = [it % a.ndim for it in _axes(a, axis)]
    kept = [it for it in range(a.ndim) if it not in axes]
    flat = _kernels.reshape(_kernels.permute(a, kept + axes), [a.shape[it] for it in kept] + [-1])
    ordered, count = _kernels.sort(flat, -1)[0], flat.shape[-1]
    low = _kernels.select(ordered, -1, (count - 1) // 2)
    found = _kernels.div(_kernels.add(low, _kernels.select(ordered, -1, count // 2)), 2)
    if keepdims:
        shape = [1 if it in axes else size for it, size in enumerate(a.shape)]
        found = _kernels.reshape(found, shape)
    return found
