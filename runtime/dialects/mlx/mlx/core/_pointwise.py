"""Functions of each element by itself."""

import math

import _kernels

from . import _dtypes
from ._array import alias, array, as_array

_Base = _kernels.TensorBase


def _unary(name, kernel=None):
    run = getattr(_kernels, kernel or name)

    def function(a, /, *, stream=None):
        return run(a if isinstance(a, _Base) else array(a))

    function.__name__ = name
    function.__doc__ = f"``{name}`` of each element."
    return function


exp, expm1, log, log2, log10, log1p = map(
    _unary, ("exp", "expm1", "log", "log2", "log10", "log1p"))
sqrt, rsqrt, reciprocal, square, sign, abs = map(
    _unary, ("sqrt", "rsqrt", "reciprocal", "square", "sign", "abs"))
sin, cos, tan, sinh, cosh, tanh = map(_unary, ("sin", "cos", "tan", "sinh", "cosh", "tanh"))
erf, erfinv, sigmoid, isnan, isinf, isfinite = map(
    _unary, ("erf", "erfinv", "sigmoid", "isnan", "isinf", "isfinite"))
isneginf, isposinf, logical_not = map(_unary, ("isneginf", "isposinf", "logical_not"))
arcsin, arccos, arctan = _unary("arcsin", "asin"), _unary("arccos", "acos"), _unary("arctan", "atan")
arcsinh, arccosh, arctanh = (
    _unary("arcsinh", "asinh"), _unary("arccosh", "acosh"), _unary("arctanh", "atanh"))
conjugate = _unary("conjugate", "conj")
bitwise_invert = _unary("bitwise_invert", "bitwise_not")


def negative(a, /, *, stream=None):
    """The number on the other side of zero."""
    if as_array(a).dtype is _dtypes.bool_:
        raise ValueError("[negative] Not supported for bool, use logical_not instead.")
    return _kernels.neg(as_array(a))


def _whole_stays(name):
    run = getattr(_kernels, name)

    def function(a, /, *, stream=None):
        a = as_array(a)
        return run(a) if a.dtype in _dtypes.FLOATING else alias(a)

    function.__name__ = name
    function.__doc__ = f"``{name}`` of each element; whole numbers stay."
    return function


floor, ceil = _whole_stays("floor"), _whole_stays("ceil")


def round(a, /, decimals=0, stream=None):
    """The nearest number of so many decimals; halves go to the even one."""
    a = as_array(a)
    if a.dtype not in _dtypes.FLOATING and decimals >= 0:
        return alias(a)
    if decimals == 0:
        return _kernels.round(a)
    scale = 10.0 ** decimals
    return _kernels.div(_kernels.round(_kernels.mul(a, scale)), scale)


def real(a, /, *, stream=None):
    """The real part."""
    return _kernels.real(as_array(a))


def imag(a, /, *, stream=None):
    """The imaginary part."""
    return _kernels.imag(as_array(a))


def degrees(a, /, *, stream=None):
    """Radians as degrees."""
    return _kernels.mul(as_array(a), 180.0 / math.pi)


def radians(a, /, *, stream=None):
    """Degrees as radians."""
    return _kernels.mul(as_array(a), math.pi / 180.0)


def stop_gradient(x, /, *, stream=None):
    """The array: nothing records gradients here."""
    return alias(x)


def _operand(value):
    if isinstance(value, (_Base, bool, int, float, complex)):
        return value
    return array(value)


def _binary(name, kernel=None):
    run = getattr(_kernels, kernel or name)

    def function(a, b, /, stream=None):
        return run(_operand(a), _operand(b))

    function.__name__ = name
    function.__doc__ = f"``{name}`` of two arrays or numbers."
    return function


add, subtract, multiply = _binary("add"), _binary("subtract", "sub"), _binary("multiply", "mul")
divide, power = _binary("divide", "true_divide"), _binary("power", "pow")
floor_divide, remainder = _binary("floor_divide"), _binary("remainder")
maximum, minimum, logaddexp = map(_binary, ("maximum", "minimum", "logaddexp"))
arctan2 = _binary("arctan2", "atan2")
equal, not_equal = _binary("equal", "eq"), _binary("not_equal", "ne")
greater, greater_equal = _binary("greater", "gt"), _binary("greater_equal", "ge")
less, less_equal = _binary("less", "lt"), _binary("less_equal", "le")
logical_and, logical_or = _binary("logical_and"), _binary("logical_or")
bitwise_and, bitwise_or, bitwise_xor = map(_binary, ("bitwise_and", "bitwise_or", "bitwise_xor"))
left_shift = _binary("left_shift", "bitwise_left_shift")
right_shift = _binary("right_shift", "bitwise_right_shift")


def divmod(a, b, /, stream=None):
    """The whole quotients and the remainders."""
    return [floor_divide(a, b), remainder(a, b)]


def where(condition, x, y, /, *, stream=None):
    """``x`` where the condition holds, ``y`` elsewhere."""
    condition = as_array(condition)
    if condition.dtype is not _dtypes.bool_:
        condition = _kernels.to_dtype(condition, _dtypes.bool_)
    return _kernels.where(condition, _operand(x), _operand(y))


def clip(a, /, a_min, a_max, *, stream=None):
    """The numbers, none below or above the bounds."""
    if a_min is None and a_max is None:
        raise ValueError("At least one of a_min or a_max must not be None.")
    a = as_array(a)
    if a_min is not None:
        a = _kernels.maximum(a, _operand(a_min))
    return a if a_max is None else _kernels.minimum(a, _operand(a_max))


def nan_to_num(a, nan=0, posinf=None, neginf=None, *, stream=None):
    """Numbers in the place of what is none."""
    a = as_array(a)
    limits = _dtypes.finfo(a.dtype)
    a = where(isnan(a), nan, a)
    a = where(isposinf(a), limits.max if posinf is None else posinf, a)
    return where(isneginf(a), limits.min if neginf is None else neginf, a)


def isclose(a, b, /, rtol=1e-5, atol=1e-8, *, equal_nan=False, stream=None):
    """Whether elements differ by little."""
    return _kernels.isclose(as_array(a), as_array(b), rtol, atol, equal_nan)


def allclose(a, b, /, rtol=1e-5, atol=1e-8, *, equal_nan=False, stream=None):
    """Whether all elements differ by little."""
    return _kernels.all(isclose(a, b, rtol, atol, equal_nan=equal_nan))


def array_equal(a, b, equal_nan=False, stream=None):
    """Whether shapes and elements are the same."""
    a, b = as_array(a), as_array(b)
    if a.shape != b.shape:
        return array(False)
    same = _kernels.eq(a, b)
    if equal_nan:
        same = _kernels.logical_or(same, _kernels.logical_and(isnan(a), isnan(b)))
    return _kernels.all(same)


def result_type(*arrays_and_dtypes):
    """The dtype that an operation on all of them would have."""
    found = None
    for it in arrays_and_dtypes:
        own = it if isinstance(it, _dtypes.Dtype) else as_array(it).dtype
        found = own if found is None else _kernels.promote_types(found, own)
    return found
