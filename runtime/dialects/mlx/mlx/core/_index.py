"""What stands within square brackets, and taking and putting by arrays of places."""

import _kernels

from . import _dtypes
from ._array import array, as_array

_Base = _kernels.TensorBase


def _place(it):
    """An array of places in the one dtype that the kernels take."""
    if it.dtype in _dtypes.WHOLE:
        return it if it.dtype is _dtypes.int64 else _kernels.to_dtype(it, _dtypes.int64)
    raise ValueError(f"Cannot index mlx array using the dtype {it.dtype.name}: places are whole numbers")


def _is_rest(it):
    return it is Ellipsis


def _entries(x, index, masks):
    """The entries, and the axes of ``x`` that are walked backwards."""
    parts = index if type(index) is tuple else (index,)
    if not any(isinstance(it, (_Base, list, range)) or
               (type(it) is slice and it.step is not None and it.step != 1) for it in parts):
        return parts, ()
    entries, backwards = [], []
    # What the rest stands for, so that the axes behind it can be counted.
    taken = sum(1 for it in parts if it is not None and not _is_rest(it))
    axis = 0
    for it in parts:
        if _is_rest(it):
            axis += x.ndim - taken
        elif it is not None:
            if isinstance(it, (list, range)):
                it = array(list(it))
            if isinstance(it, _Base):
                if it.dtype is _dtypes.bool_:
                    if not masks:
                        raise ValueError("boolean indices are not yet supported")
                else:
                    it = _place(it)
            elif type(it) is slice and it.step is not None and it.step < 0:
                it = _forward(it, x.shape[axis])
                backwards.append(axis)
            axis += 1
        entries.append(it)
    return _apart(entries), tuple(backwards)


def _apart(entries):
    """Places that something else stands between come first in the result, numbers among them."""
    numbers = [at for at, it in enumerate(entries)
               if isinstance(it, int) or (isinstance(it, _Base) and it.ndim == 0)]
    chosen = [at for at, it in enumerate(entries) if at in numbers or isinstance(it, _Base)]
    if not numbers or len(chosen) == len(numbers) or chosen[-1] - chosen[0] == len(chosen) - 1:
        return tuple(entries)
    for at in numbers:
        it = entries[at]
        entries[at] = (_kernels.reshape(it, (1,)) if isinstance(it, _Base)
                       else _kernels.full((1,), it, _dtypes.int64))
    return tuple(entries)


def _forward(it, size):
    """A slice that steps back, along an axis that is turned round."""
    start, stop, step = it.indices(size)
    return slice(size - 1 - start, max(size - 1 - stop, 0), -step)


def _turned(x, index, masks=False):
    entries, backwards = _entries(x, index, masks)
    return (_kernels.flip(x, list(backwards)) if backwards else x), entries, backwards


def taken(x, index):
    """``x[index]``."""
    x, entries, _ = _turned(x, index)
    return _kernels.getitem(x, entries)


def put(x, index, value):
    """``x[index] = value``: in place where nobody else sees it, else on a copy."""
    if isinstance(value, _Base):
        if value.dtype is not x.dtype:
            value = _kernels.to_dtype(value, x.dtype)
    else:
        value = array(value, x.dtype)
    turned, entries, backwards = _turned(x, index, masks=True)
    if backwards:
        turned = _kernels.clone(turned)
    elif not x.is_alone():
        x.set_data(_kernels.clone(x))
        turned = x
    target = _target_rank(turned, entries)
    while value.ndim > target and value.shape[0] == 1:
        value = _kernels.squeeze(value, [0])
    _kernels.setitem_(turned, entries, value)
    if backwards:
        x.set_data(_kernels.flip(turned, list(backwards)))


def _target_rank(x, entries):
    arrays = [it for it in entries if isinstance(it, _Base)]
    if any(it.dtype is _dtypes.bool_ for it in arrays):
        return x.ndim
    used = sum(1 for it in entries if it is not None and not _is_rest(it))
    kept = sum(1 for it in entries if it is None or type(it) is slice)
    return x.ndim - used + kept + max((it.ndim for it in arrays), default=0)


class At:
    """``x.at[index]``: updates that give a new array and meet where places repeat."""

    def __init__(self, x, index=()):
        self._x, self._index = x, index

    def __getitem__(self, index):
        return At(self._x, index)

    def _updated(self, value, change, gathers):
        x = self._x
        value = as_array(value, x)
        if value.dtype is not x.dtype:
            value = _kernels.to_dtype(value, x.dtype)
        parts = self._index if type(self._index) is tuple else (self._index,)
        made = _kernels.clone(x)
        if any(isinstance(it, (_Base, list, range)) for it in parts):
            gathers(made, self._places(), value)
        else:
            put(made, self._index, change(taken(x, self._index), value))
        return made

    def _places(self):
        """Where in the flat array each selected element lies."""
        count = self._x.numel()
        flat = _kernels.reshape(_kernels.arange(0, count, 1, _dtypes.int64), self._x.shape)
        return taken(_kernels.wrap(array, flat), self._index)

    def add(self, value):
        """With the value added."""
        return self._updated(value, _kernels.add, _gathered_sum)

    def subtract(self, value):
        """With the value taken away."""
        return self.add(_kernels.neg(as_array(value, self._x)))

    def multiply(self, value):
        """Times the value."""
        return self._updated(value, _kernels.mul, _one_by_one(_kernels.mul))

    def divide(self, value):
        """Divided by the value."""
        return self._updated(value, _kernels.true_divide, _one_by_one(_kernels.true_divide))

    def maximum(self, value):
        """The larger of the element and the value."""
        return self._updated(value, _kernels.maximum, _one_by_one(_kernels.maximum))

    def minimum(self, value):
        """The smaller of the element and the value."""
        return self._updated(value, _kernels.minimum, _one_by_one(_kernels.minimum))


def _gathered_sum(made, places, value):
    value = _kernels.reshape(_kernels.expand(value, places.shape), (-1,))
    flat = _kernels.reshape(made, (-1,))
    _kernels.index_put_(flat, [_kernels.reshape(places, (-1,))], value, True)


def _one_by_one(change):
    def gathers(made, places, value):
        places = _kernels.reshape(places, (-1,))
        if _kernels.unique(places)[0].numel() != places.numel():
            raise NotImplementedError("`.at[]` with places that repeat: only `add` and `subtract` here")
        value = _kernels.reshape(_kernels.expand(value, places.shape), (-1,)) if value.ndim else value
        flat = _kernels.reshape(made, (-1,))
        _kernels.setitem_(flat, (places,), change(_kernels.getitem(flat, (places,)), value))

    return gathers


def take(a, /, indices, axis=None, *, stream=None):
    """The elements, or slices along an axis, at these places."""
    a = as_array(a)
    if axis is None:
        a, axis = _kernels.reshape(a, (-1,)), 0
    if isinstance(indices, int):
        return _kernels.select(a, axis, indices)
    where = (slice(None),) * (axis % a.ndim) + (_place(as_array(indices)),)
    return _kernels.getitem(a, where)


def _spread(a, indices, axis):
    """Places that are repeated along the other axes, as the array is."""
    shape = list(a.shape)
    shape[axis] = indices.shape[axis]
    return _kernels.expand(_place(indices), shape)


def take_along_axis(a, /, indices, axis=None, *, stream=None):
    """At each place the element that its index names along an axis."""
    if axis is None:
        return _kernels.gather(_kernels.reshape(a, (-1,)), 0, _place(_kernels.reshape(indices, (-1,))))
    if indices.ndim != a.ndim:
        raise ValueError(f"[take_along_axis] Indices of dimension {indices.ndim} does not match array "
                         f"of dimension {a.ndim}.")
    axis = axis % a.ndim
    shape = [max(size, other) for size, other in zip(a.shape, indices.shape)]
    shape[axis] = a.shape[axis]
    a = _kernels.expand(a, shape)
    return _kernels.gather(a, axis, _spread(a, indices, axis))


def put_along_axis(a, /, indices, values, axis=None, *, stream=None):
    """The array with values at the places that indices name along an axis."""
    values = as_array(values, a)
    if axis is None:
        made = put_along_axis(_kernels.reshape(a, (-1,)), _kernels.reshape(indices, (-1,)),
                              _kernels.reshape(values, (-1,)), 0)
        return _kernels.reshape(made, a.shape)
    axis = axis % a.ndim
    places = _spread(a, indices, axis)
    if values.dtype is not a.dtype:
        values = _kernels.to_dtype(values, a.dtype)
    return _kernels.scatter(a, axis, places, _kernels.contiguous(_kernels.expand(values, places.shape)))


def scatter_add_axis(a, indices, values, axis=0, *, stream=None):
    """The array with values added along an axis; places may repeat."""
    places = _spread(a, indices, axis)
    return _kernels.scatter_add(a, axis, places, _kernels.expand(as_array(values, a), places.shape))


def slice_update(src, update, start_indices, axes, *, stream=None):
    """The array with a block written at a place that an array names."""
    made = _kernels.clone(src)
    whole = [slice(None)] * src.ndim
    for it, axis in zip(start_indices.tolist(), axes):
        whole[axis] = slice(it, it + update.shape[axis])
    put(made, tuple(whole), update)
    return made


def block(a, start_indices, axes, slice_size, *, stream=None):
    """A block at a place that an array names; ``mx.slice``."""
    whole = [slice(0, it) for it in slice_size]
    for it, axis in zip(start_indices.tolist(), axes):
        whole[axis] = slice(it, it + slice_size[axis])
    return _kernels.getitem(a, tuple(whole))
