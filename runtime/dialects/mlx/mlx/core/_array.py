"""The class of every array. Methods that are functions as well are bound in ``_methods``."""

import _kernels

from . import _dtypes

_Base = _kernels.TensorBase


class array(_Base):
    """An array: a value. Only ``x[...] = y`` and ``x += y`` change it, and no other array with it."""

    def __new__(cls, val, dtype=None):
        if isinstance(val, _Base):
            dtype = dtype or val.dtype
            return _kernels.wrap(array, _kernels.to_dtype(val, dtype))
        if hasattr(val, "_portwright_tensor"):
            val = val._portwright_tensor
            return _kernels.wrap(array, _kernels.to_dtype(val, dtype or _narrow(val.dtype)))
        if isinstance(val, (list, tuple, range)):
            return _of_list(val, dtype)
        if isinstance(val, (bool, int, float, complex)):
            return _kernels.wrap(array, _kernels.tensor(val, dtype))
        if hasattr(val, "__mlx_array__"):
            return array(val.__mlx_array__(), dtype)
        raise TypeError(f"an array is made of numbers, lists and arrays, not of {type(val).__name__}")

    def __init__(self, val, dtype=None):
        pass

    __hash__ = object.__hash__

    @property
    def size(self):
        """How many elements it has."""
        return self.numel()

    @property
    def itemsize(self):
        """Bytes of one element."""
        return self.dtype.itemsize

    @property
    def nbytes(self):
        """Bytes of all elements."""
        return self.numel() * self.dtype.itemsize

    @property
    def T(self):
        """The axes in the other order."""
        return _kernels.permute(self, tuple(range(self.ndim - 1, -1, -1)))

    @property
    def real(self):
        """The real part."""
        return _kernels.real(self)

    @property
    def imag(self):
        """The imaginary part."""
        return _kernels.imag(self)

    @property
    def at(self):
        """Updates at an index, as new arrays."""
        from ._index import At

        return At(self)

    def astype(self, dtype, stream=None):
        """The same values in another dtype."""
        return _kernels.to_dtype(self, dtype)

    def item(self):
        """The one element as a Python number."""
        return _kernels.item(self)

    def tolist(self):
        """Nested lists of Python numbers."""
        return _kernels.tolist(self)

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("len() of an array without axes")
        return self.shape[0]

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over an array without axes")
        return iter(_kernels.unbind(self, 0))

    def __bool__(self):
        return bool(_kernels.item(self))

    def __int__(self):
        return int(_kernels.item(self))

    def __float__(self):
        return float(_kernels.item(self))

    def __index__(self):
        if self.dtype not in _dtypes.WHOLE:
            raise TypeError("only an array of one whole number can be an index")
        return int(_kernels.item(self))

    def __contains__(self, element):
        return bool(_kernels.item(_kernels.any(_kernels.eq(self, element))))

    def __repr__(self):
        if self.numel() <= 64:
            return f"array({_kernels.tolist(self)}, dtype={self.dtype.name})"
        return f"array(shape={tuple(self.shape)}, dtype={self.dtype.name})"

    __str__ = __repr__

    def __format__(self, spec):
        return format(self.item(), spec) if self.ndim == 0 else repr(self)

    def __copy__(self):
        return _kernels.wrap(array, self)

    def __deepcopy__(self, memo):
        result = _kernels.wrap(array, _kernels.clone(self))
        memo[id(self)] = result
        return result

    def __getitem__(self, index):
        from ._index import taken

        return taken(self, index)

    def __setitem__(self, index, value):
        from ._index import put

        put(self, index, value)


def _narrow(dtype):
    """What MLX makes of NumPy's widest types."""
    return _dtypes.float32 if dtype is _dtypes.float64 else dtype


def _of_list(items, dtype):
    """Lists hold numbers, lists, or arrays of one shape, which are stacked."""
    items = list(items)
    if items and any(isinstance(it, _Base) and it.ndim for it in items):
        made = _kernels.stack([it if isinstance(it, _Base) else array(it) for it in items], 0)
    elif not items:
        made = _kernels.zeros((0,), dtype or _dtypes.float32)
    else:
        made = _kernels.tensor([list(it) if isinstance(it, (tuple, range)) else it for it in items],
                               dtype)
    return _kernels.wrap(array, made if dtype is None else _kernels.to_dtype(made, dtype))


def alias(a):
    """Another array of the same elements: what changes one does not change the other."""
    return _kernels.wrap(array, a)


def as_array(value, like=None):
    """An array, or a number as one of the dtype that it takes beside ``like``."""
    if isinstance(value, _Base):
        return value
    if like is not None and not isinstance(value, (list, tuple)):
        return _kernels.full((), value, _kernels.result_type(like, value))
    return array(value)


_kernels.use_semantics("mlx")
_kernels.register(array, tuple)
