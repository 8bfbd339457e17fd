"""The little of numpy that definitions compute tables with, in 64 bits over the kernels."""

import math

import _kernels

inf, nan, pi, e, newaxis = math.inf, math.nan, math.pi, math.e, None


class ndarray:
    """An array; only as much of it as tables of positions need."""

    def __init__(self, tensor):
        self._portwright_tensor = tensor

    @property
    def shape(self):
        return tuple(self._portwright_tensor.shape)

    @property
    def ndim(self):
        return self._portwright_tensor.ndim

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        return ndarray(_kernels.getitem(self._portwright_tensor, index if type(index) is tuple else (index,)))

    def __setitem__(self, index, value):
        _kernels.setitem_(self._portwright_tensor, index if type(index) is tuple else (index,), _bare(value))

    def tolist(self):
        return _kernels.tolist(self._portwright_tensor)

    def astype(self, kind):
        return self

    def reshape(self, *shape):
        shape = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        return ndarray(_kernels.reshape(self._portwright_tensor, shape))


class generic:
    """Nothing is an instance of this."""


class dtype:
    """Nothing is an instance of this."""


number = floating = integer = bool_ = generic
int8 = int16 = int32 = int64 = uint8 = float16 = float32 = float64 = generic


def _bare(value):
    return value._portwright_tensor if isinstance(value, ndarray) else value


def _binary(name):
    def operator(a, b):
        return ndarray(getattr(_kernels, name)(_bare(a), _bare(b)))

    def reflected(a, b):
        return operator(b, a)

    return operator, reflected


for _word, _name in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow",
                     "mod": "remainder", "floordiv": "floor_divide"}.items():
    _forward, _backward = _binary(_name)
    setattr(ndarray, f"__{_word}__", _forward)
    setattr(ndarray, f"__r{_word}__", _backward)


def array(data, dtype=None):
    """An array of 64-bit floats."""
    if isinstance(data, ndarray):
        return data
    return ndarray(_kernels.to_dtype(_kernels.tensor(data), _kernels.float64))


asarray = array


def arange(*bounds, dtype=None):
    start, end, step = (bounds + (1,))[:3] if len(bounds) > 1 else (0, bounds[0], 1)
    return ndarray(_kernels.arange(start, end, step, _kernels.float64))


def zeros(shape, dtype=None):
    return ndarray(_kernels.full(shape if isinstance(shape, tuple) else (shape,), 0, _kernels.float64))


def linspace(start, stop, num=50, dtype=None):
    return ndarray(_kernels.linspace(start, stop, num, _kernels.float64))


def _function(name):
    plain = getattr(math, name)

    def function(value):
        if isinstance(value, ndarray):
            return ndarray(getattr(_kernels, name)(value._portwright_tensor))
        return plain(value)

    return function


sin, cos, exp, log, log2, sqrt, floor, ceil, tanh = map(
    _function, ("sin", "cos", "exp", "log", "log2", "sqrt", "floor", "ceil", "tanh"))


def lcm(a, b):
    return math.lcm(a, b)


def gcd(a, b):
    return math.gcd(a, b)


def power(a, b):
    return a ** b


def prod(values, axis=None):
    result = 1
    for it in values:
        result *= it
    return result


def __getattr__(name):
    raise AttributeError(f"numpy.{name}: only a few functions of numpy are here")
