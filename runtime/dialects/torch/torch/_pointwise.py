"""Functions of every element: PyTorch's signatures over the kernels."""

import _kernels

from . import _kinds
from ._tensor import Tensor, _is_operand

# One argument and nothing else: the kernel is the function and the method.
UNARY = (
    "abs", "neg", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "sin",
    "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "sigmoid", "erf", "erfc", "erfinv", "floor", "ceil", "trunc", "sign", "reciprocal", "square",
    "isfinite", "isinf", "isnan", "logical_not", "bitwise_not", "relu", "lgamma", "digamma",
    "angle", "conj", "real", "imag", "frac", "sgn", "signbit", "isneginf", "isposinf",
)

# Two arguments and nothing else.
BINARY = (
    "mul", "pow", "floor_divide", "remainder", "fmod", "maximum", "minimum", "fmax", "fmin",
    "atan2", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor",
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
    "hypot", "logaddexp", "xlogy", "copysign", "heaviside", "nextafter",
)

ALIASES = {
    "absolute": "abs", "negative": "neg", "multiply": "mul", "greater": "gt", "less": "lt",
    "greater_equal": "ge", "less_equal": "le", "not_equal": "ne", "arctan2": "atan2",
    "arctan": "atan", "arcsin": "asin", "arccos": "acos", "fix": "trunc", "arctanh": "atanh",
}


def add(input, other, *, alpha=1, out=None):
    return _kernels.add(input, other if alpha == 1 else _kernels.mul(other, alpha))


def sub(input, other, *, alpha=1, out=None):
    return _kernels.sub(input, other if alpha == 1 else _kernels.mul(other, alpha))


subtract = sub


def rsub(input, other, *, alpha=1):
    return sub(other, input, alpha=alpha)


def div(input, other, *, rounding_mode=None, out=None):
    return _kernels.div(input, other, rounding_mode)


divide = true_divide = div


def round(input, *, decimals=0):
    if decimals:
        scale = 10.0 ** decimals
        return _kernels.div(_kernels.round(_kernels.mul(input, scale)), scale, None)
    return _kernels.round(input)


def clamp(input, min=None, max=None, *, out=None):
    return _kernels.clamp(input, min, max)


clip = clamp


def clamp_min(input, min):
    return _kernels.clamp(input, min, None)


def clamp_max(input, max):
    return _kernels.clamp(input, None, max)


def where(condition, input=None, other=None):
    if input is None:
        from ._index import nonzero

        return nonzero(condition, as_tuple=True)
    return _kernels.where(condition, input, other)


def _where(self, condition, other):
    return _kernels.where(condition, self, other)


def lerp(input, end, weight):
    return _kernels.add(input, _kernels.mul(weight, _kernels.sub(end, input)))


def addcmul(input, tensor1, tensor2, *, value=1):
    product = _kernels.mul(tensor1, tensor2)
    return _kernels.add(input, product if value == 1 else _kernels.mul(product, value))


def addcdiv(input, tensor1, tensor2, *, value=1):
    quotient = _kernels.div(tensor1, tensor2, None)
    return _kernels.add(input, quotient if value == 1 else _kernels.mul(quotient, value))


def nan_to_num(input, nan=0.0, posinf=None, neginf=None):
    limits = _kinds.finfo(input.dtype) if input.dtype.is_floating_point else None
    if limits is None:
        return input.clone()
    result = _kernels.where(_kernels.isnan(input), nan, input)
    result = _kernels.where(_kernels.eq(result, float("inf")),
                            limits.max if posinf is None else posinf, result)
    return _kernels.where(_kernels.eq(result, float("-inf")),
                          limits.min if neginf is None else neginf, result)


def logit(input, eps=None):
    x = input if eps is None else _kernels.clamp(input, eps, 1 - eps)
    return _kernels.log(_kernels.div(x, _kernels.sub(1, x), None))


def isclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    near = _kernels.le(_kernels.abs(_kernels.sub(input, other)),
                       _kernels.add(_kernels.mul(_kernels.abs(other), rtol), atol))
    return _kernels.logical_or(near, _kernels.eq(input, other))


def allclose(input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    return bool(_kernels.item(_kernels.all(isclose(input, other, rtol, atol))))


def equal(input, other):
    if input.shape != other.shape:
        return False
    return bool(_kernels.item(_kernels.all(_kernels.eq(input, other))))


def is_floating_point(input):
    return input.is_floating_point()


def is_complex(input):
    return input.is_complex()


def is_nonzero(input):
    return bool(input.item())


def result_type(a, b):
    return _kernels.add(_sample(a), _sample(b)).dtype


def _sample(value):
    return _kernels.full(value.shape and (1,), 0, value.dtype) if isinstance(value, Tensor) else value


def promote_types(a, b):
    return _kernels.add(_kernels.full((1,), 0, a), _kernels.full((1,), 0, b)).dtype


def can_cast(source, target):
    order = (source.is_complex, source.is_floating_point, source is not _kinds.bool)
    return order <= (target.is_complex, target.is_floating_point or target.is_complex,
                     target is not _kinds.bool)


def expit_names():
    """What ``torch.special`` calls by another name."""
    return {"expit": globals().get("sigmoid"), "logit": logit}


METHODS = (
    "add", "sub", "subtract", "div", "divide", "true_divide", "round", "clamp", "clip",
    "clamp_min", "clamp_max", "lerp", "addcmul", "addcdiv", "nan_to_num", "logit", "isclose",
    "allclose", "equal",
)


def _reflected(name):
    kernel = getattr(_kernels, name)

    def operator(self, other):
        return kernel(other, self) if _is_operand(other) else NotImplemented

    return operator


def _in_place(name):
    kernel = getattr(_kernels, name)

    def operator(self, other):
        _kernels.copy_(self, kernel(self, other))
        return self

    return operator


def _bind():
    for name in UNARY + BINARY:
        if hasattr(_kernels, name):
            globals()[name] = getattr(_kernels, name)
            # `real` and `imag` are attributes of a tensor.
            if not isinstance(Tensor.__dict__.get(name), property):
                setattr(Tensor, name, _kernels.method(name))
    for alias, name in ALIASES.items():
        if hasattr(_kernels, name):
            globals()[alias] = globals()[name]
            setattr(Tensor, alias, getattr(Tensor, name))
    for name in METHODS:
        setattr(Tensor, name, globals()[name])
    Tensor.where = _where
    operators = {
        "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide",
        "mod": "remainder", "pow": "pow", "and": "bitwise_and", "or": "bitwise_or",
        "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
    }
    for word, name in operators.items():
        if hasattr(_kernels, name):
            setattr(Tensor, f"__{word}__", _kernels.method(name))
            setattr(Tensor, f"__r{word}__", _reflected(name))
            setattr(Tensor, f"__i{word}__", _in_place(name))
    for word in ("lt", "le", "gt", "ge"):
        setattr(Tensor, f"__{word}__", _kernels.method(word))
    Tensor.__matmul__ = _kernels.method("matmul")
    Tensor.__neg__ = _kernels.method("neg")
    Tensor.__pos__ = lambda self: self
    Tensor.__abs__ = _kernels.method("abs")
    Tensor.__invert__ = _kernels.method("bitwise_not")
    Tensor.__rmatmul__ = lambda self, other: _kernels.matmul(other, self)


_bind()
