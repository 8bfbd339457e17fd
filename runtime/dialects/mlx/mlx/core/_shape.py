"""Shapes: views, joins, splits and paddings."""

import _kernels

from . import _dtypes
from ._array import array, as_array

_Base = _kernels.TensorBase


def reshape(a, /, shape, *, stream=None):
    """The elements in another shape."""
    return _kernels.reshape(as_array(a), shape)


def flatten(a, /, start_axis=0, end_axis=-1, *, stream=None):
    """Neighbouring axes as one."""
    a = as_array(a)
    return _kernels.flatten(a, start_axis, end_axis) if a.ndim else _kernels.reshape(a, (1,))


def unflatten(a, /, axis, shape, *, stream=None):
    """One axis as several."""
    return _kernels.unflatten(as_array(a), axis, shape)


def transpose(a, /, axes=None, *, stream=None):
    """The axes in another order; by default in the opposite one."""
    a = as_array(a)
    return _kernels.permute(a, tuple(range(a.ndim - 1, -1, -1)) if axes is None else axes)


permute_dims = transpose


def swapaxes(a, /, axis1, axis2, *, stream=None):
    """Two axes exchanged."""
    return _kernels.transpose(as_array(a), axis1, axis2)


def moveaxis(a, /, source, destination, *, stream=None):
    """One axis at another place."""
    return _kernels.movedim(as_array(a), source, destination)


def expand_dims(a, /, axis, *, stream=None):
    """New axes of size one, at these places of the result."""
    a = as_array(a)
    if isinstance(axis, int):
        return _kernels.unsqueeze(a, axis)
    rank = a.ndim + len(axis)
    for it in sorted(it % rank for it in axis):
        a = _kernels.unsqueeze(a, it)
    return a


def squeeze(a, /, axis=None, *, stream=None):
    """Without these axes of size one, or without any."""
    a = as_array(a)
    if axis is None:
        return _kernels.squeeze(a)
    axes = [axis] if isinstance(axis, int) else list(axis)
    for it in axes:
        if a.shape[it] != 1:
            raise ValueError(f"[squeeze] Cannot squeeze axis {it} with size {a.shape[it]} "
                             "which is not equal to 1.")
    return _kernels.squeeze(a, axes)


def broadcast_to(a, /, shape, *, stream=None):
    """The array repeated to a shape, as a view."""
    return _kernels.expand(as_array(a), shape)


def broadcast_shapes(*shapes):
    """The shape that all of them go with."""
    return tuple(_kernels.broadcast_shapes([list(it) for it in shapes]))


def broadcast_arrays(*arrays, stream=None):
    """The arrays, each repeated to the shape that all of them go with."""
    shape = broadcast_shapes(*(it.shape for it in arrays))
    return [_kernels.expand(it, shape) for it in arrays]


def contiguous(a, /, allow_col_major=False, *, stream=None):
    """The elements in row-major order."""
    return _kernels.contiguous(as_array(a))


def as_strided(a, /, shape=None, strides=None, offset=0, *, stream=None):
    """A window with strides of its own on the elements in row-major order."""
    a = _kernels.contiguous(as_array(a))
    shape = list(a.shape if shape is None else shape)
    if strides is None:
        strides, step = [], 1
        for it in reversed(shape):
            strides.insert(0, step)
            step *= it
    flat = _kernels.reshape(a, (-1,))
    return _kernels.as_strided(flat, shape, list(strides), flat.storage_offset() + offset)


def view(a, /, dtype, stream=None):
    """The bytes read as another dtype."""
    return _kernels.bitcast(as_array(a), dtype)


def atleast_1d(*arrays, stream=None):
    """Arrays with one axis or more."""
    made = [it if it.ndim else _kernels.reshape(it, (1,)) for it in arrays]
    return made[0] if len(made) == 1 else made


def concatenate(arrays, axis=0, *, stream=None):
    """Arrays one after the other; all flattened where there is no axis."""
    arrays = [as_array(it) for it in arrays]
    if axis is None:
        arrays, axis = [_kernels.reshape(it, (-1,)) for it in arrays], 0
    if len({it.ndim for it in arrays}) > 1:
        raise ValueError("[concatenate] All the input arrays must have the same number of dimensions: "
                         f"{[tuple(it.shape) for it in arrays]}")
    return _kernels.cat(arrays, axis)


concat = concatenate


def stack(arrays, axis=0, *, stream=None):
    """Arrays side by side on a new axis."""
    arrays = [as_array(it) for it in arrays]
    kinds = {it.dtype for it in arrays}
    if len(kinds) > 1:
        arrays = [_kernels.unsqueeze(it, axis) for it in arrays]
        return _kernels.cat(arrays, axis)
    return _kernels.stack(arrays, axis)


def split(a, /, indices_or_sections, axis=0, *, stream=None):
    """Equal parts of that number, or parts that begin at these places."""
    a = as_array(a)
    size = a.shape[axis]
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1 or size % indices_or_sections:
            raise ValueError("[split] The axis size must be divisible by the number of splits "
                             f"({size} into {indices_or_sections}).")
        return list(_kernels.split(a, size // indices_or_sections, axis)) if size else \
            [a for _ in range(indices_or_sections)]
    bounds = [0, *(min(max(it + size if it < 0 else it, 0), size) for it in indices_or_sections), size]
    return [_kernels.narrow(a, axis, start, max(end - start, 0))
            for start, end in zip(bounds, bounds[1:])]


def _pairs(a, widths):
    if isinstance(widths, int):
        return [(widths, widths)] * a.ndim
    if len(widths) and isinstance(widths[0], int):
        pair = (widths[0], widths[-1])
        return [pair] * a.ndim
    pairs = [(it[0], it[-1]) for it in widths]
    return pairs * a.ndim if len(pairs) == 1 else pairs


def pad(a, pad_width, mode="constant", constant_values=0, *, stream=None):
    """The array with more elements at the ends of its axes."""
    a = as_array(a)
    pairs = _pairs(a, pad_width)
    if len(pairs) != a.ndim:
        raise ValueError(f"[pad] {len(pairs)} pairs of widths for an array of {a.ndim} axes")
    if mode == "constant":
        flat = [it for pair in reversed(pairs) for it in pair]
        value = constant_values.item() if isinstance(constant_values, _Base) else constant_values
        return _kernels.pad(a, flat, "constant", value)
    if mode != "edge":
        raise ValueError(f"Invalid padding mode ({mode}) passed to pad")
    for axis, (before, after) in enumerate(pairs):
        ends = [(0, before), (a.shape[axis] - 1, after)]
        first, last = (_kernels.repeat_interleave(_kernels.narrow(a, axis, at, 1), count, axis)
                       for at, count in ends)
        a = _kernels.cat([first, a, last], axis)
    return a


def repeat(array, repeats, axis=None, *, stream=None):
    """Each element so many times."""
    a = as_array(array)
    if axis is None:
        a, axis = _kernels.reshape(a, (-1,)), 0
    return _kernels.repeat_interleave(a, repeats, axis)


def tile(a, reps, /, *, stream=None):
    """The array so many times along each axis."""
    a = as_array(a)
    reps = [reps] if isinstance(reps, int) else list(reps)
    reps = [1] * (a.ndim - len(reps)) + reps
    return _kernels.repeat(a, reps)


def roll(a, shift, axis=None, *, stream=None):
    """The elements moved round along axes."""
    a = as_array(a)
    if axis is None:
        flat = _kernels.roll(_kernels.reshape(a, (-1,)), [shift if isinstance(shift, int) else sum(shift)], [0])
        return _kernels.reshape(flat, a.shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    shifts = [shift] * len(axes) if isinstance(shift, int) else list(shift)
    return _kernels.roll(a, shifts, axes)


def flip(a, axis=None, *, stream=None):
    """The elements in the opposite order."""
    axes = list(range(a.ndim)) if axis is None else [axis] if isinstance(axis, int) else list(axis)
    return _kernels.flip(a, axes)


def diagonal(a, /, offset=0, axis1=0, axis2=1, stream=None):
    """A diagonal, as a view."""
    return _kernels.diagonal(as_array(a), offset, axis1, axis2)


def diag(a, /, k=0, *, stream=None):
    """The diagonal of a matrix, or a matrix with this diagonal."""
    a = as_array(a)
    if a.ndim == 2:
        return diagonal(a, k)
    size = a.shape[0] + (k if k >= 0 else -k)
    made = _kernels.zeros((size, size), a.dtype)
    _kernels.copy_(_kernels.diagonal(made, k, 0, 1), a)
    return made


def meshgrid(*arrays, sparse=False, indexing="xy", stream=None):
    """Coordinates on a grid."""
    if sparse:
        raise NotImplementedError("[meshgrid] sparse grids are not in this dialect")
    return list(_kernels.meshgrid([as_array(it) for it in arrays], indexing))


def depends(inputs, dependencies):
    """The inputs: everything is computed when it is asked for."""
    return inputs


def zeros(shape, dtype=_dtypes.float32, *, stream=None):
    """Zeros."""
    return _kernels.zeros(_size(shape), dtype or _dtypes.float32)


def ones(shape, dtype=_dtypes.float32, *, stream=None):
    """Ones."""
    return _kernels.full(_size(shape), 1, dtype or _dtypes.float32)


def full(shape, vals, dtype=None, *, stream=None):
    """One value, or values that are repeated to a shape."""
    vals = vals if isinstance(vals, _Base) else array(vals)
    vals = vals if dtype is None else _kernels.to_dtype(vals, dtype)
    return _kernels.clone(_kernels.expand(vals, _size(shape)))


def _size(shape):
    return (shape,) if isinstance(shape, int) else tuple(shape)


def zeros_like(a, dtype=None, *, stream=None):
    """Zeros in the shape of an array."""
    return _kernels.zeros(a.shape, dtype or a.dtype)


def ones_like(a, dtype=None, *, stream=None):
    """Ones in the shape of an array."""
    return _kernels.full(a.shape, 1, dtype or a.dtype)


def full_like(a, vals, dtype=None, *, stream=None):
    """One value in the shape of an array."""
    return full(a.shape, vals, dtype or a.dtype)


def arange(*bounds, start=None, stop=None, step=None, dtype=None, stream=None):
    """Numbers at equal distances: the stop alone, or start, stop and step."""
    given = list(bounds)
    if len(given) == 1 and stop is None:
        stop = given.pop(0)
    if given:
        start = given.pop(0)
    if given:
        stop = given.pop(0)
    if given:
        step = given.pop(0)
    if stop is None:
        raise TypeError("arange() needs a stop")
    start, step = 0 if start is None else start, 1 if step is None else step
    bounds = [it.item() if isinstance(it, _Base) else it for it in (start, stop, step)]
    if dtype is None:
        dtype = _dtypes.float32 if any(isinstance(it, float) for it in bounds) else _dtypes.int32
    if (bounds[1] - bounds[0]) * bounds[2] <= 0:
        return _kernels.zeros((0,), dtype)
    return _kernels.arange(*bounds, dtype)


def linspace(start, stop, num=50, dtype=_dtypes.float32, *, stream=None):
    """So many numbers at equal distances, both ends among them."""
    return _kernels.linspace(start, stop, num, dtype)


def eye(n, m=None, k=0, dtype=_dtypes.float32, *, stream=None):
    """Ones on a diagonal."""
    made = _kernels.zeros((n, n if m is None else m), dtype)
    if k < made.shape[1] and -k < n:
        line = _kernels.diagonal(made, k, 0, 1)
        _kernels.copy_(line, _kernels.full(line.shape, 1, dtype))
    return made


def identity(n, dtype=_dtypes.float32, *, stream=None):
    """Ones on the diagonal."""
    return eye(n, dtype=dtype)


def tri(n, m=None, k=0, dtype=_dtypes.float32, *, stream=None):
    """Ones on a diagonal and below."""
    return _kernels.tril(ones((n, n if m is None else m), dtype), k)


def tril(x, k=0, *, stream=None):
    """The elements on a diagonal and below."""
    return _kernels.tril(x, k)


def triu(x, k=0, *, stream=None):
    """The elements on a diagonal and above."""
    return _kernels.triu(x, k)
