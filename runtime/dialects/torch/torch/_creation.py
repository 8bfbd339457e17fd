"""Tensors from sizes, numbers and nested lists."""

import builtins
import math

import _kernels

from . import _kinds
from ._tensor import Tensor, sizes


# Tensors of fewer elements are made even where a checkpoint will replace them.
_SMALL = 1 << 16


def _full(shape, value, dtype, device=None):
    made = _kernels.full(shape, value, dtype or _kernels.get_default_dtype())
    return made if device is None else _kinds.placed(made, device)


def _like(input, value, dtype, names):
    made = _kernels.full(input.shape, value, dtype or input.dtype)
    return _kinds.placed(made, names.get("device") or input.device_name)


def zeros(*size, dtype=None, out=None, layout=None, device=None, requires_grad=False,
          pin_memory=False, size_=None, **names):
    return _full(sizes(size or (names.get("size"),)), 0, dtype, device)


def ones(*size, dtype=None, out=None, layout=None, device=None, requires_grad=False,
         pin_memory=False, **names):
    return _full(sizes(size or (names.get("size"),)), 1, dtype, device)


def empty(*size, dtype=None, out=None, layout=None, device=None, requires_grad=False,
          pin_memory=False, memory_format=None, **names):
    shape = sizes(size or (names.get("size"),))
    if _Lazily.depth and math.prod(shape) > _SMALL:
        # What a checkpoint fills: all elements are one, so that no memory is taken.
        return _kernels.expand(_full((), 0, dtype), shape)
    return _full(shape, 0, dtype, device)


def full(size, fill_value, *, dtype=None, out=None, layout=None, device=None,
         requires_grad=False, pin_memory=False):
    if dtype is None:
        dtype = scalar_dtype(fill_value)
    return _full(sizes((size,)), _number(fill_value), dtype, device)


def _number(value):
    return value.item() if isinstance(value, Tensor) else value


def scalar_dtype(value):
    """The dtype that a number or a tensor of one element becomes."""
    if isinstance(value, Tensor):
        return value.dtype
    if isinstance(value, bool):
        return _kinds.bool
    if isinstance(value, int):
        return _kinds.int64
    if isinstance(value, builtins.complex):
        return _kinds.complex64
    return _kernels.get_default_dtype()


def zeros_like(input, *, dtype=None, **ignored):
    return _like(input, 0, dtype, ignored)


def ones_like(input, *, dtype=None, **ignored):
    return _like(input, 1, dtype, ignored)


def empty_like(input, *, dtype=None, **ignored):
    device = ignored.get("device") or input.device_name
    return empty(input.shape, dtype=dtype or input.dtype, device=device)


def full_like(input, fill_value, *, dtype=None, **ignored):
    return _like(input, _number(fill_value), dtype, ignored)


def empty_strided(size, stride, *, dtype=None, **ignored):
    return empty(size, dtype=dtype)


def arange(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None,
           requires_grad=False, pin_memory=False):
    if end is None:
        start, end = 0, start
    start, end, step = _number(start), _number(end), _number(step)
    if dtype is None and any(isinstance(it, float) for it in (start, end, step)):
        dtype = _kernels.get_default_dtype()
    return _kinds.placed(_kernels.arange(start, end, step, dtype or _kinds.int64), device)


def linspace(start, end, steps, *, out=None, dtype=None, layout=None, device=None,
             requires_grad=False):
    made = _kernels.linspace(_number(start), _number(end), _number(steps),
                             dtype or _kernels.get_default_dtype())
    return _kinds.placed(made, device)


def logspace(start, end, steps, base=10.0, *, dtype=None, **ignored):
    return _kernels.pow(base, linspace(start, end, steps, dtype=dtype))


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    made = _kernels.eye(n, n if m is None else m, dtype or _kernels.get_default_dtype())
    return _kinds.placed(made, device)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    if hasattr(data, "_portwright_tensor"):
        data = data._portwright_tensor
    if isinstance(data, Tensor):
        result = _kinds.placed(_kernels.clone(data), device)
        return result if dtype is None else _kernels.to_dtype(result, dtype)
    flat, shape = [], []
    _flatten(data, flat, shape, 0)
    if dtype is None:
        dtype = _dtype_of(flat)
    return _kinds.placed(_kernels.from_list(flat, shape, dtype), device)


def _flatten(data, flat, shape, depth):
    if isinstance(data, Tensor):
        data = data.tolist()
    if not isinstance(data, (list, tuple, range)):
        if depth != len(shape):
            raise ValueError("the nested lists are not of the same depth everywhere")
        flat.append(data)
        return
    if depth == len(shape):
        if flat:
            raise ValueError("the nested lists are not of the same depth everywhere")
        shape.append(len(data))
    elif shape[depth] != len(data):
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    for it in data:
        _flatten(it, flat, shape, depth + 1)


def _dtype_of(flat):
    kinds = {type(it) for it in flat}
    if not kinds or float in kinds:
        return _kernels.get_default_dtype()
    if builtins.complex in kinds:
        return _kinds.complex64
    return _kinds.bool if kinds == {bool} else _kinds.int64


def as_tensor(data, dtype=None, device=None):
    if isinstance(data, Tensor):
        data = _kinds.placed(data, device)
        return data if dtype is None or dtype is data.dtype else _kernels.to_dtype(data, dtype)
    return tensor(data, dtype=dtype, device=device)


asarray = as_tensor


def scalar_tensor(value, *, dtype=None, **ignored):
    return _kernels.full((), _number(value), dtype or _kernels.get_default_dtype())


def complex(real, imag, *, out=None):
    return _kernels.complex(real, imag)


def polar(abs, angle, *, out=None):
    return _kernels.polar(abs, angle)


def from_numpy(ndarray):
    return tensor(ndarray)


def tril_indices(row, col, offset=0, *, dtype=_kinds.int64, **ignored):
    return _kernels.nonzero(_kernels.tril(ones(row, col), offset)).T.to(dtype)


def triu_indices(row, col, offset=0, *, dtype=_kinds.int64, **ignored):
    return _kernels.nonzero(_kernels.triu(ones(row, col), offset)).T.to(dtype)


class _Lazily:
    """While a checkpoint's model is built, ``empty`` takes no memory."""

    depth = 0

    @staticmethod
    def own(tensor):
        """Gives a tensor that takes no memory elements of its own before it is written to."""
        if tensor.numel() > _SMALL and not tensor.is_contiguous():
            tensor.set_data(_kernels.contiguous(tensor))

    def __enter__(self):
        _Lazily.depth += 1

    def __exit__(self, *exception):
        _Lazily.depth -= 1
        return False


def new_zeros(self, *size, dtype=None, **ignored):
    device = ignored.get("device") or self.device_name
    return zeros(*(size or (ignored["size"],)), dtype=dtype or self.dtype, device=device)


def new_ones(self, *size, dtype=None, **ignored):
    device = ignored.get("device") or self.device_name
    return ones(*(size or (ignored["size"],)), dtype=dtype or self.dtype, device=device)


def new_empty(self, *size, dtype=None, **ignored):
    device = ignored.get("device") or self.device_name
    return empty(*(size or (ignored["size"],)), dtype=dtype or self.dtype, device=device)


def new_full(self, size, fill_value, *, dtype=None, **ignored):
    device = ignored.get("device") or self.device_name
    return full(size, fill_value, dtype=dtype or self.dtype, device=device)


def new_tensor(self, data, *, dtype=None, **ignored):
    device = ignored.get("device") or self.device_name
    return tensor(data, dtype=dtype or self.dtype, device=device)
