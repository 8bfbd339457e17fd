"""The functions that are methods of arrays as well, and Python's operators."""

import _kernels

from . import _index, _pointwise, _reduce, _shape
from ._array import array
from ._products import matmul

_Base = _kernels.TensorBase

for _module, _names in (
    (_pointwise, "abs cos exp log log2 log10 log1p reciprocal round rsqrt sin sqrt square"),
    (_reduce, "sum prod mean var std max min all any argmax argmin logsumexp cumsum cumprod cummax "
              "cummin logcumsumexp"),
    (_shape, "flatten unflatten squeeze swapaxes moveaxis split diag diagonal view"),
):
    for _name in _names.split():
        setattr(array, _name, getattr(_module, _name))
array.conj = _pointwise.conjugate


def _sizes(args):
    return args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args


def _reshape(self, *shape, stream=None):
    return _kernels.reshape(self, _sizes(shape))


def _transpose(self, *axes, stream=None):
    axes = _sizes(axes)
    return _kernels.permute(self, axes if len(axes) else tuple(range(self.ndim - 1, -1, -1)))


array.reshape, array.transpose = _reshape, _transpose


def _foreign(other):
    return not isinstance(other, (_Base, bool, int, float, complex))


def _taken(other):
    """What stands beside an array: a number, an array, or what says that it is one."""
    if hasattr(other, "__mlx_array__") or hasattr(other, "_portwright_tensor"):
        return array(other)
    return None


def _operator(run, word, swapped=False):
    def operator(self, other):
        if _foreign(other):
            other = _taken(other)
            if other is None:
                return NotImplemented
        return run(other, self) if swapped else run(self, other)

    operator.__name__ = word
    return operator


def _in_place(run, word):
    def operator(self, other):
        if _foreign(other):
            other = _taken(other)
            if other is None:
                return NotImplemented
        # A new value under the old name: whoever holds another array of it sees no change.
        self.set_data(run(self, other))
        return self

    operator.__name__ = word
    return operator


_ARITHMETIC = {
    "add": _kernels.add, "sub": _kernels.sub, "mul": _kernels.mul, "truediv": _kernels.true_divide,
    "floordiv": _kernels.floor_divide, "mod": _kernels.remainder, "pow": _kernels.pow,
    "and": _kernels.bitwise_and, "or": _kernels.bitwise_or, "xor": _kernels.bitwise_xor,
    "lshift": _kernels.bitwise_left_shift, "rshift": _kernels.bitwise_right_shift, "matmul": matmul,
}
for _word, _run in _ARITHMETIC.items():
    setattr(array, f"__{_word}__", _operator(_run, f"__{_word}__"))
    setattr(array, f"__r{_word}__", _operator(_run, f"__r{_word}__", True))
    setattr(array, f"__i{_word}__", _in_place(_run, f"__i{_word}__"))
for _word in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(array, f"__{_word}__", _operator(getattr(_kernels, _word), f"__{_word}__"))
array.__hash__ = object.__hash__
array.__neg__ = lambda self: _pointwise.negative(self)
array.__abs__ = lambda self: _kernels.abs(self)
array.__invert__ = lambda self: _kernels.bitwise_not(self)
array.__pos__ = lambda self: self
array.__divmod__ = lambda self, other: tuple(_pointwise.divmod(self, other))
