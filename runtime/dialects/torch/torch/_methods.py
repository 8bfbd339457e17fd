"""The methods that have no function beside them: casts, copies and operations in place."""

import _kernels

from . import _creation, _kinds, _random
from ._tensor import Tensor


def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    for it in args:
        if isinstance(it, (_kinds.dtype, _kinds.NarrowFloat)):
            dtype = it
        elif isinstance(it, Tensor):
            dtype = it.dtype
        elif isinstance(it, (str, _kinds.device)):
            device = it
    moved = self if device is None else _kinds.placed(self, device)
    if dtype is None or dtype is self.dtype:
        return _kernels.clone(self) if copy and moved is self else moved
    return _kernels.to_dtype(moved, dtype)


def as_strided(input, size, stride, storage_offset=None):
    return _kernels.as_strided(input, list(size), list(stride), storage_offset)


def type_(self, dtype=None, non_blocking=False):
    if dtype is None:
        return _TYPE_NAMES.get(self.dtype, "torch.Tensor")
    if isinstance(dtype, str):
        dtype = {name: it for it, name in _TYPE_NAMES.items()}[dtype]
    elif isinstance(dtype, type):
        dtype = dtype.dtype
    return to(self, dtype)


_TYPE_NAMES = {
    _kinds.float32: "torch.FloatTensor", _kinds.float64: "torch.DoubleTensor",
    _kinds.float16: "torch.HalfTensor", _kinds.bfloat16: "torch.BFloat16Tensor",
    _kinds.int64: "torch.LongTensor", _kinds.int32: "torch.IntTensor",
    _kinds.int16: "torch.ShortTensor", _kinds.int8: "torch.CharTensor",
    _kinds.uint8: "torch.ByteTensor", _kinds.bool: "torch.BoolTensor",
}


def _moving(device):
    def method(self, memory_format=None):
        return _kinds.placed(self, device)

    return method


def _cast(dtype):
    def method(self, memory_format=None):
        return self if self.dtype is dtype else _kernels.to_dtype(self, dtype)

    return method


_CASTS = {
    "float": _kinds.float32, "double": _kinds.float64, "half": _kinds.float16,
    "bfloat16": _kinds.bfloat16, "long": _kinds.int64, "int": _kinds.int32, "short": _kinds.int16,
    "char": _kinds.int8, "byte": _kinds.uint8, "bool": _kinds.bool, "cfloat": _kinds.complex64,
}


def _same(self, *args, **kwargs):
    return self


def contiguous(self, memory_format=None):
    return _kernels.contiguous(self)


def clone(self, *, memory_format=None):
    return _kernels.clone(self)


def copy_(self, src, non_blocking=False):
    if _creation._Lazily.depth:
        _creation._Lazily.own(self)
    return _kernels.copy_(self, src)


def fill_(self, value):
    return copy_(self, _kernels.full((), _creation._number(value), self.dtype))


def zero_(self):
    return fill_(self, 0)


def type_as(self, other):
    return to(self, other.dtype)


def fill_diagonal_(self, value, wrap=False):
    fill_(_kernels.diagonal(self, 0, 0, 1), value)
    return self


def resize_(self, *shape):
    raise NotImplementedError("resize_() of a tensor's storage")


def apply_(self, callable):
    values = [callable(it) for it in self.reshape(-1).tolist()]
    return self.copy_(_creation.tensor(values, dtype=self.dtype).reshape(self.shape))


def unsqueeze_(self, dim):
    self.set_data(_kernels.unsqueeze(self, dim))
    return self


def squeeze_(self, dim=None):
    self.set_data(self.squeeze(dim) if dim is not None else self.squeeze())
    return self


def transpose_(self, dim0, dim1):
    self.set_data(_kernels.transpose(self, dim0, dim1))
    return self


t_ = lambda self: transpose_(self, 0, 1)  # noqa: E731 - one name more for the line above


def _in_place(name):
    function = getattr(Tensor, name)

    def method(self, *args, **kwargs):
        return _kernels.copy_(self, function(self, *args, **kwargs))

    method.__name__ = name + "_"
    return method


# In place: the result of the same method, written back.
_WRITTEN_BACK = (
    "add", "sub", "mul", "div", "pow", "remainder", "fmod", "floor_divide", "abs", "neg", "exp",
    "expm1", "log", "log2", "log1p", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "relu",
    "floor", "ceil", "round", "trunc", "sign", "reciprocal", "square", "clamp", "clip", "clamp_min",
    "clamp_max", "lerp", "addcmul", "addcdiv", "nan_to_num", "logit", "erfinv", "logical_not",
    "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor",
    "bitwise_not", "eq", "ne", "lt", "le", "gt", "ge", "masked_fill", "masked_scatter", "scatter",
    "scatter_add", "scatter_reduce", "index_add", "index_copy", "index_fill", "tril", "triu",
    "cumsum", "cumprod", "addmm", "baddbmm", "erf",
)


def _bind():
    for name, dtype in _CASTS.items():
        setattr(Tensor, name, _cast(dtype))
    Tensor.cpu, Tensor.mps = _moving("cpu"), _moving("metal")
    Tensor.cuda = lambda self, device=None: to(self, "cuda" if device is None else f"cuda:{device}")
    for name in ("xpu", "coalesce", "to_dense", "resolve_conj", "resolve_neg",
                 "rename", "refine_names"):
        setattr(Tensor, name, _same)
    for name in ("to", "as_strided", "contiguous", "clone", "copy_", "fill_", "zero_", "type_as", "resize_",
                 "fill_diagonal_", "apply_", "unsqueeze_", "squeeze_", "transpose_", "t_"):
        setattr(Tensor, name, globals()[name])
    Tensor.type = type_
    for name in ("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor"):
        setattr(Tensor, name, getattr(_creation, name))
    for name in ("uniform_", "normal_", "exponential_", "bernoulli_", "random_"):
        setattr(Tensor, name, getattr(_random, name))
    for name in _WRITTEN_BACK:
        direct = name + "_"
        if hasattr(_kernels, direct) and name in _DIRECT:
            setattr(Tensor, direct, _kernels.method(direct))
        elif hasattr(Tensor, name):
            setattr(Tensor, direct, _in_place(name))


# Where torch's method takes exactly the kernel's arguments, the kernel writes in place itself.
_DIRECT = ("masked_fill", "scatter_add", "index_copy", "index_fill", "masked_scatter", "mul")

_bind()
