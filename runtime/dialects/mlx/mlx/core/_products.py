"""Products of matrices, gathered ones too, and convolutions."""

import _kernels

from . import _dtypes
from ._array import as_array

_Base = _kernels.TensorBase


def _alike(a, b):
    """Two arrays of one floating dtype."""
    a, b = as_array(a), as_array(b)
    if a.dtype is not b.dtype:
        kind = _kernels.promote_types(a.dtype, b.dtype)
        a, b = _kernels.to_dtype(a, kind), _kernels.to_dtype(b, kind)
    if a.dtype not in _dtypes.inexact.members:
        raise ValueError(f"[matmul] Only inexact types are supported, not {a.dtype.name}.")
    return a, b


def matmul(a, b, /, *, stream=None):
    """The product of matrices."""
    a, b = _alike(a, b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("[matmul] Got 0 dimension input. Inputs must have at least one dimension.")
    return _kernels.matmul(a, b)


def addmm(c, a, b, /, alpha=1.0, beta=1.0, *, stream=None):
    """``beta * c + alpha * (a @ b)``."""
    product = matmul(a, b)
    if alpha != 1.0:
        product = _kernels.mul(product, alpha)
    return _kernels.add(product, c if beta == 1.0 else _kernels.mul(as_array(c), beta))


def inner(a, b, /, *, stream=None):
    """The sums over the last axes."""
    return tensordot(a, b, [[-1], [-1]])


def outer(a, b, /, *, stream=None):
    """All products of two vectors."""
    a, b = _kernels.reshape(as_array(a), (-1, 1)), _kernels.reshape(as_array(b), (1, -1))
    return _kernels.mul(a, b)


def tensordot(a, b, /, axes=2, *, stream=None):
    """The sums over pairs of axes."""
    if isinstance(axes, int):
        axes = [list(range(a.ndim - axes, a.ndim)), list(range(axes))]
    first, second = ([it % x.ndim for it in own] for x, own in zip((a, b), axes))
    left = [it for it in range(a.ndim) if it not in first]
    right = [it for it in range(b.ndim) if it not in second]
    shape = [a.shape[it] for it in left] + [b.shape[it] for it in right]
    size = 1
    for it in first:
        size *= a.shape[it]
    flat = _kernels.reshape(_kernels.permute(a, left + first), (-1, size))
    other = _kernels.reshape(_kernels.permute(b, second + right), (size, -1))
    return _kernels.reshape(matmul(flat, other), shape)


def einsum(subscripts, *operands, stream=None):
    """Products and sums by letters."""
    kind = operands[0].dtype
    for it in operands[1:]:
        kind = _kernels.promote_types(kind, it.dtype)
    return _kernels.einsum(subscripts, [_kernels.to_dtype(it, kind) for it in operands])


def chosen(a, indices):
    """The matrices of a stack at these places, its leading axes counted as one."""
    flat = _kernels.reshape(a, (-1, *a.shape[-2:]))
    places = _kernels.reshape(_kernels.to_dtype(indices, _dtypes.int64), (-1,))
    picked = _kernels.index_select(flat, 0, places)
    return _kernels.reshape(picked, (*indices.shape, *a.shape[-2:]))


def every(a):
    """The places of all matrices of a stack."""
    lead = a.shape[:-2]
    count = 1
    for it in lead:
        count *= it
    return _kernels.reshape(_kernels.arange(0, count, 1, _dtypes.int64), lead)


def gather_mm(a, b, /, lhs_indices=None, rhs_indices=None, *, sorted_indices=False, stream=None):
    """Products of matrices that are chosen from two stacks."""
    if lhs_indices is None and rhs_indices is None:
        return matmul(a, b)
    a, b = _alike(a, b)
    left = every(a) if lhs_indices is None else lhs_indices
    right = every(b) if rhs_indices is None else rhs_indices
    shape = _kernels.broadcast_shapes([list(left.shape), list(right.shape)])
    return _products(a, b, _kernels.expand(left, shape), _kernels.expand(right, shape))


def _products(a, b, left, right):
    """[pairs, rows, columns]: every matrix of ``b`` that is used is read once, with all its rows."""
    left = _kernels.reshape(_kernels.to_dtype(left, _dtypes.int64), (-1,))
    shape = (*right.shape, a.shape[-2], b.shape[-1])
    right = _kernels.reshape(_kernels.to_dtype(right, _dtypes.int64), (-1,))
    rows = _kernels.index_select(_kernels.reshape(a, (-1, *a.shape[-2:])), 0, left)
    stack = _kernels.reshape(b, (-1, *b.shape[-2:]))
    made = _kernels.zeros((rows.shape[0], *shape[-2:]), a.dtype)
    for it in sorted(set(_kernels.tolist(right))):
        places = _kernels.nonzero(_kernels.eq(right, it), True)[0]
        product = _kernels.matmul(_kernels.index_select(rows, 0, places), _kernels.select(stack, 0, it))
        _kernels.setitem_(made, (places,), product)
    return _kernels.reshape(made, shape)


def block_masked_mm(a, b, /, block_size=64, mask_out=None, mask_lhs=None, mask_rhs=None, *,
                    stream=None):
    """A product in which blocks of the sides and of the result count as zero."""
    def masked(x, mask):
        if mask is None:
            return x
        for axis in (-2, -1):
            mask = _kernels.repeat_interleave(mask, block_size, axis)
            mask = _kernels.narrow(mask, axis, 0, x.shape[axis])
        return _kernels.mul(x, mask)

    return masked(matmul(masked(a, mask_lhs), masked(b, mask_rhs)), mask_out)


def _many(value, count):
    return [value] * count if isinstance(value, int) else list(value)


def conv_general(input, weight, /, stride=1, padding=0, kernel_dilation=1, input_dilation=1, groups=1,
                 flip=False, *, stream=None):
    """A convolution. [N, places.., C] with [O, places.., C / groups] -> [N, places.., O]"""
    axes = input.ndim - 2
    if axes not in (1, 2, 3):
        raise ValueError(f"[conv] {axes} axes of places; there are convolutions of 1, 2 and 3")
    if any(it != 1 for it in _many(input_dilation, axes)):
        raise NotImplementedError("[conv_general] input_dilation other than 1 is not in this dialect")
    x, weight = _alike(input, weight)
    order = [0, axes + 1, *range(1, axes + 1)]
    x, weight = _kernels.permute(x, order), _kernels.permute(weight, order)
    if flip:
        weight = _kernels.flip(weight, list(range(2, axes + 2)))
    before, after = padding if isinstance(padding, tuple) and len(padding) == 2 and \
        not isinstance(padding[0], int) else (padding, padding)
    before, after = _many(before, axes), _many(after, axes)
    if before != after:
        x = _kernels.pad(x, [it for pair in reversed(list(zip(before, after))) for it in pair],
                         "constant", 0)
        before = [0] * axes
    run = (_kernels.conv1d, _kernels.conv2d, _kernels.conv3d)[axes - 1]
    made = run(x, weight, None, _many(stride, axes), before, _many(kernel_dilation, axes), groups)
    return _kernels.permute(made, [0, *range(2, axes + 2), 1])


def conv1d(input, weight, /, stride=1, padding=0, dilation=1, groups=1, *, stream=None):
    """A convolution along one axis. [N, L, C] -> [N, L', O]"""
    return conv_general(input, weight, stride, padding, dilation, 1, groups)


def conv2d(input, weight, /, stride=1, padding=0, dilation=1, groups=1, *, stream=None):
    """A convolution along two axes. [N, H, W, C] -> [N, H', W', O]"""
    return conv_general(input, weight, stride, padding, dilation, 1, groups)


def conv3d(input, weight, /, stride=1, padding=0, dilation=1, groups=1, *, stream=None):
    """A convolution along three axes. [N, D, H, W, C] -> [N, D', H', W', O]"""
    return conv_general(input, weight, stride, padding, dilation, 1, groups)


def hadamard_transform(a, /, scale=None, *, stream=None):
    """The sums and differences of all pairs along the last axis, whose size is m times a power of two."""
    size = a.shape[-1]
    if size & (size - 1):
        raise NotImplementedError(f"[hadamard_transform] a size of {size}: only powers of two here")
    shape, kind, step = a.shape, a.dtype, 1
    x = _kernels.reshape(_kernels.to_dtype(a, _dtypes.float32), (-1, size))
    while step < size:
        x = _kernels.reshape(x, (-1, size // (2 * step), 2, step))
        low, high = _kernels.select(x, 2, 0), _kernels.select(x, 2, 1)
        x = _kernels.stack([_kernels.add(low, high), _kernels.sub(low, high)], 2)
        step *= 2
    x = _kernels.mul(_kernels.reshape(x, shape), size ** -0.5 if scale is None else scale)
    return _kernels.to_dtype(x, kind)
