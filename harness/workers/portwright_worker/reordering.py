"""The same sums in another order: what exact mode must not show."""

import _kernels
import torch

_linear, _matmul, _softmax = _kernels.linear, _kernels.matmul, _kernels.softmax
_sum, _mean = _kernels.sum, _kernels.mean


def _splits(*operands):
    """Whether the operands are numbers of which more than one is summed."""
    return all(it.dtype.is_floating_point for it in operands) and 1 < operands[0].shape[-1]


def _other_linear(x, weight, bias=None):
    if weight.ndim != 2 or not _splits(x, weight):
        return _linear(x, weight, bias)
    half = x.shape[-1] // 2
    high = _linear(x[..., half:], weight[:, half:], None)
    total = _kernels.add(high, _linear(x[..., :half], weight[:, :half], None))
    return total if bias is None else _kernels.add(total, bias)


def _other_matmul(a, b):
    if a.ndim < 2 or b.ndim < 2 or not _splits(a, b):
        return _matmul(a, b)
    half = a.shape[-1] // 2
    high = _matmul(a[..., half:], b[..., half:, :])
    return _kernels.add(high, _matmul(a[..., :half], b[..., :half, :]))


def _other_softmax(x, dim, dtype=None):
    if not x.ndim:
        return _softmax(x, dim, dtype)
    return _kernels.flip(_softmax(_kernels.flip(x, (dim,)), dim, dtype), (dim,))


def _backwards(kernel):
    def run(x, dims, keepdim, dtype):
        if not x.dtype.is_floating_point or not x.ndim:
            return kernel(x, dims, keepdim, dtype)
        every = tuple(range(x.ndim)) if dims is None else dims
        return kernel(_kernels.flip(x, every), dims, keepdim, dtype)

    return run


_OTHERS = {"linear": _other_linear, "matmul": _other_matmul, "softmax": _other_softmax,
           "sum": _backwards(_sum), "mean": _backwards(_mean)}


class OtherOrder:
    """While it is entered, products add their halves the other way round and sums run backwards."""

    def __enter__(self):
        self._kernels = {name: getattr(_kernels, name) for name in _OTHERS}
        self._operator = torch.Tensor.__matmul__
        for name, it in _OTHERS.items():
            setattr(_kernels, name, it)
        torch.Tensor.__matmul__ = _other_matmul
        return self

    def __exit__(self, *exception):
        for name, it in self._kernels.items():
            setattr(_kernels, name, it)
        torch.Tensor.__matmul__ = self._operator
        return False
