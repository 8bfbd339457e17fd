"""The array, and functions of it."""

import math

import _kernels

float32, float64 = _kernels.float32, _kernels.float64
int32, int64, uint8 = _kernels.int32, _kernels.int64, _kernels.uint8
_NAMES = {"<f4": float32, "float32": float32, "<f8": float64, "float64": float64, "int64": int64,
          int: int64, float: float64}


def _bare(value):
    if isinstance(value, ndarray):
        return value._portwright_tensor
    if isinstance(value, (list, tuple, range)):
        return array(value)._portwright_tensor
    return value


def _index(index):
    parts = index if type(index) is tuple else (index,)
    return tuple(_bare(it) for it in parts)


class ndarray:
    """An array on a tensor of its own dtype."""

    def __init__(self, tensor):
        self._portwright_tensor = tensor

    @property
    def shape(self):
        """The sizes."""
        return tuple(self._portwright_tensor.shape)

    @property
    def ndim(self):
        """How many axes."""
        return self._portwright_tensor.ndim

    @property
    def size(self):
        """How many elements."""
        return self._portwright_tensor.numel()

    @property
    def dtype(self):
        """The elements' type."""
        return self._portwright_tensor.dtype

    def __len__(self):
        return self.shape[0]

    def __iter__(self):
        return iter([self[it] for it in range(len(self))])

    def __getitem__(self, index):
        return ndarray(_kernels.getitem(self._portwright_tensor, _index(index)))

    def __setitem__(self, index, value):
        _kernels.setitem_(self._portwright_tensor, _index(index), _bare(value))

    def __bool__(self):
        return bool(_kernels.item(self._portwright_tensor))

    def __float__(self):
        return float(_kernels.item(self._portwright_tensor))

    def __int__(self):
        return int(_kernels.item(self._portwright_tensor))

    __index__ = __int__

    def item(self):
        """The one element."""
        return _kernels.item(self._portwright_tensor)

    def tolist(self):
        """Nested lists."""
        return _kernels.tolist(self._portwright_tensor)

    def tobytes(self):
        """The elements as they lie in memory."""
        return _kernels.bytes_of(self._portwright_tensor)

    def astype(self, kind):
        """The elements as another type."""
        return ndarray(_kernels.to_dtype(self._portwright_tensor, _NAMES.get(kind, kind)))

    def reshape(self, *shape):
        """Another shape."""
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return ndarray(_kernels.reshape(self._portwright_tensor, shape))

    def _reduced(self, kernel, axis):
        return ndarray(kernel(self._portwright_tensor, None if axis is None else [axis]))

    def sum(self, axis=None):
        """The sums."""
        return self._reduced(_kernels.sum, axis)

    def max(self, axis=None):
        """The largest."""
        return self._reduced(_kernels.amax, axis)

    def argmax(self, axis=None):
        """The place of the largest."""
        return ndarray(_kernels.argmax(self._portwright_tensor, axis))


def _binary(name):
    kernel = getattr(_kernels, name)

    def operator(a, b):
        return ndarray(kernel(_bare(a), _bare(b)))

    def reflected(a, b):
        return operator(b, a)

    return operator, reflected


for _word, _name in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "true_divide", "pow": "pow",
                     "mod": "remainder", "floordiv": "floor_divide"}.items():
    _forward, _backward = _binary(_name)
    setattr(ndarray, f"__{_word}__", _forward)
    setattr(ndarray, f"__r{_word}__", _backward)
for _word in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(ndarray, f"__{_word}__", _binary(_word)[0])
ndarray.__hash__ = object.__hash__


def array(data, dtype=None):
    """An array of numbers, or of what a tensor holds."""
    if isinstance(data, ndarray):
        tensor = data._portwright_tensor
    elif isinstance(data, _kernels.TensorBase):
        tensor = data
    else:
        tensor = _kernels.tensor(list(data) if isinstance(data, range) else data)
        if dtype is None:
            dtype = float64 if tensor.dtype.is_floating_point else int64
    if dtype is not None:
        tensor = _kernels.to_dtype(tensor, _NAMES.get(dtype, dtype))
    return ndarray(tensor)


asarray = array


def ascontiguousarray(data):
    """The array in row-major order."""
    return ndarray(_kernels.contiguous(_bare(array(data))))


def arange(*bounds, dtype=None):
    """Numbers at equal distances."""
    start, end, step = (bounds + (1,))[:3] if len(bounds) > 1 else (0, bounds[0], 1)
    start, end, step = (it.item() if hasattr(it, "item") else it for it in (start, end, step))
    whole = all(isinstance(it, int) for it in (start, end, step))
    return ndarray(_kernels.arange(start, end, step, int64 if whole else float64))


def zeros(shape, dtype=float64):
    """Zeros."""
    return ndarray(_kernels.zeros(shape if isinstance(shape, tuple) else (shape,), _NAMES.get(dtype, dtype)))


def linspace(start, stop, num=50, dtype=None):
    """So many numbers at equal distances."""
    return ndarray(_kernels.linspace(start, stop, num, float64))


def _function(name):
    plain = getattr(math, name)

    def function(value):
        if isinstance(value, ndarray):
            return ndarray(getattr(_kernels, name)(value._portwright_tensor))
        return plain(value)

    function.__doc__ = f"``{name}`` of a number or of each element."
    return function


sin, cos, exp, log, log2, sqrt, floor, ceil, tanh = map(
    _function, ("sin", "cos", "exp", "log", "log2", "sqrt", "floor", "ceil", "tanh"))


def abs(value):
    """The size of each element."""
    return ndarray(_kernels.abs(_bare(value)))


def isfinite(value):
    """Whether a number is one."""
    return ndarray(_kernels.isfinite(_bare(value))) if isinstance(value, ndarray) else math.isfinite(value)


def sort(value, axis=-1):
    """From small to large."""
    tensor = _bare(value)
    if axis is None:
        tensor, axis = _kernels.reshape(tensor, (-1,)), 0
    return ndarray(_kernels.sort(tensor, axis)[0])


def unique(value):
    """Each value once, from small to large."""
    return ndarray(_kernels.unique(_kernels.reshape(_bare(value), (-1,)))[0])


def concatenate(parts, axis=0):
    """Arrays one after the other."""
    return ndarray(_kernels.cat([_bare(it) for it in parts], axis))


def stack(parts, axis=0):
    """Arrays side by side on a new axis."""
    return ndarray(_kernels.stack([_bare(it) for it in parts], axis))


def diag(value):
    """The diagonal of a matrix, or a matrix with this diagonal."""
    tensor = _bare(value)
    if tensor.ndim == 2:
        return ndarray(_kernels.clone(_kernels.diagonal(tensor, 0, 0, 1)))
    made = _kernels.zeros((tensor.shape[0],) * 2, tensor.dtype)
    _kernels.copy_(_kernels.diagonal(made, 0, 0, 1), tensor)
    return ndarray(made)


def searchsorted(ordered, values):
    """Where values belong in an ordered array."""
    return ndarray(_kernels.searchsorted(_bare(ordered), _bare(values)))


def minimum(a, b):
    """The smaller of two."""
    return ndarray(_kernels.minimum(_bare(a), _bare(b)))


def mean(value):
    """The mean."""
    return _kernels.item(_kernels.mean(_kernels.to_dtype(_bare(value), float64)))


def where(condition):
    """The places where a condition holds, by axis."""
    return tuple(ndarray(it) for it in _kernels.nonzero(_bare(condition), True))
