"""Matrix products and what is solved with them."""

import _kernels

from ._tensor import Tensor


def matmul(input, other, *, out=None):
    return _kernels.matmul(input, other)


def mm(input, mat2, *, out=None, out_dtype=None):
    return _typed(_kernels.matmul, input, mat2, out_dtype)


def bmm(input, mat2, *, out=None, out_dtype=None):
    return _typed(_kernels.matmul, input, mat2, out_dtype)


def _typed(product, a, b, dtype):
    if dtype is None:
        return product(a, b)
    return product(_kernels.to_dtype(a, dtype), _kernels.to_dtype(b, dtype))


mv = dot = inner = matmul


def inner(input, other):
    return _kernels.matmul(input, _kernels.transpose(other, -1, -2)) if other.ndim > 1 else \
        _kernels.matmul(input, other)


def outer(input, vec2):
    return _kernels.mul(_kernels.unsqueeze(input, 1), _kernels.unsqueeze(vec2, 0))


ger = outer


def _plus(input, product, beta, alpha):
    if alpha != 1:
        product = _kernels.mul(product, alpha)
    if beta == 0:
        return product
    return _kernels.add(input if beta == 1 else _kernels.mul(input, beta), product)


def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    return _plus(input, _kernels.matmul(mat1, mat2), beta, alpha)


def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    return _plus(input, _kernels.matmul(batch1, batch2), beta, alpha)


addbmm_like = baddbmm


def addmv(input, mat, vec, *, beta=1, alpha=1):
    return _plus(input, _kernels.matmul(mat, vec), beta, alpha)


def einsum(equation, *operands):
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    return _kernels.einsum(equation, list(operands))


def tensordot(a, b, dims=2):
    if isinstance(dims, int):
        left, right = range(a.ndim - dims, a.ndim), range(dims)
    else:
        left, right = dims
        left = [left] if isinstance(left, int) else left
        right = [right] if isinstance(right, int) else right
    left, right = [it % a.ndim for it in left], [it % b.ndim for it in right]
    kept_a = [it for it in range(a.ndim) if it not in left]
    kept_b = [it for it in range(b.ndim) if it not in right]
    inner_size = 1
    for it in left:
        inner_size *= a.shape[it]
    flat_a = a.permute(kept_a + left).reshape(-1, inner_size)
    flat_b = b.permute(right + kept_b).reshape(inner_size, -1)
    shape = [a.shape[it] for it in kept_a] + [b.shape[it] for it in kept_b]
    return _kernels.matmul(flat_a, flat_b).reshape(shape)


def kron(input, other):
    rank = max(input.ndim, other.ndim)
    a = input.reshape((1,) * (rank - input.ndim) + tuple(input.shape))
    b = other.reshape((1,) * (rank - other.ndim) + tuple(other.shape))
    for dim in range(rank):
        a, b = a.unsqueeze(2 * dim + 1), b.unsqueeze(2 * dim)
    product = a * b
    return product.reshape([x * y for x, y in zip(product.shape[::2], product.shape[1::2])])


def cross(input, other, dim=-1):
    a, b = input.unbind(dim), other.unbind(dim)
    return _kernels.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                           a[0] * b[1] - a[1] * b[0]], dim)


def cdist(x1, x2, p=2.0, compute_mode=None):
    return _kernels.norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), float(p), (-1,), False)


METHODS = ("matmul", "mm", "bmm", "mv", "dot", "inner", "outer", "ger", "addmm", "baddbmm", "addmv",
           "cross")
for _name in METHODS:
    setattr(Tensor, _name, globals()[_name])
