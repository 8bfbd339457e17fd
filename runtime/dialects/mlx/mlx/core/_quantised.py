"""Packed weights: whole numbers of a few bits, with scales for groups of them."""

import _kernels

from . import _dtypes
from ._array import as_array
from ._products import _products, every, matmul

# The bits and the group of a mode that names none; the second mode's and later ones' are fixed.
_DEFAULTS = {"affine": (64, 4), "mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}
_WORD = 32
# What four bits mean as a float of two bits of exponent and one of mantissa.
_E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def _settled(mode, group_size, bits):
    if mode not in _DEFAULTS:
        raise ValueError(f"Invalid quantization mode '{mode}': there are {', '.join(_DEFAULTS)}")
    group, width = _DEFAULTS[mode]
    group_size, bits = group_size or group, bits or width
    if mode == "affine":
        if group_size not in (32, 64, 128) or bits not in (2, 3, 4, 5, 6, 8):
            raise ValueError(f"[quantize] no affine mode with groups of {group_size} and {bits} bits")
    elif (group_size, bits) != (group, width):
        raise ValueError(f"[quantize] {mode} has groups of {group} and {width} bits, "
                         f"not {group_size} and {bits}")
    return group_size, bits


def _no_global_scale(scale):
    if scale is not None:
        raise NotImplementedError("`global_scale` of packed weights is not in this dialect")


def _places(count, bits):
    """For each number its first word, its first bit there, and whether it goes on in the next word."""
    starts = [it * bits for it in range(count)]
    return [it // _WORD for it in starts], [it % _WORD for it in starts]


def unpacked(w, bits):
    """[.., words] -> [.., numbers] of 64 bits."""
    if w.dtype is not _dtypes.uint32:
        raise ValueError(f"[dequantize] The matrix should be given as a uint32, not {w.dtype.name}")
    w = _kernels.to_dtype(w, _dtypes.int64)
    words, shifts = _places(w.shape[-1] * _WORD // bits, bits)
    made = _kernels.bitwise_right_shift(_picked(w, words), _row(shifts))
    if _WORD % bits:
        following = [min(it + 1, w.shape[-1] - 1) for it in words]
        more = _kernels.bitwise_left_shift(_picked(w, following), _row([_WORD - it for it in shifts]))
        made = _kernels.bitwise_or(made, more)
    return _kernels.bitwise_and(made, 2 ** bits - 1)


def _picked(w, words):
    return _kernels.index_select(w, -1, _row(words))


def _row(numbers):
    return _kernels.tensor(numbers, _dtypes.int64)


def packed(numbers, bits):
    """[.., numbers] -> [.., words]"""
    numbers = _kernels.to_dtype(numbers, _dtypes.int64)
    count = numbers.shape[-1]
    words, shifts = _places(count, bits)
    lead = tuple(numbers.shape[:-1])
    made = _kernels.zeros((*lead, count * bits // _WORD + 1), _dtypes.int64)
    shifted = _kernels.bitwise_left_shift(numbers, _row(shifts))
    low = _kernels.bitwise_and(shifted, 2 ** _WORD - 1)
    high = _kernels.bitwise_right_shift(shifted, _WORD)
    for part, places in ((low, words), (high, [it + 1 for it in words])):
        index = _kernels.expand(_row(places), part.shape)
        made = _kernels.scatter_add(made, -1, index, part)
    return _kernels.to_dtype(_kernels.narrow(made, -1, 0, made.shape[-1] - 1), _dtypes.uint32)


def quantize(w, /, group_size=None, bits=None, mode="affine", *, global_scale=None, stream=None):
    """The packed numbers, the scales and, in the affine mode, the biases of each group."""
    w = as_array(w)
    _no_global_scale(global_scale)
    group_size, bits = _settled(mode, group_size, bits)
    if w.ndim < 2:
        raise ValueError("[quantize] The matrix to be quantized must have at least 2 dimension")
    if w.shape[-1] % group_size:
        raise ValueError("[quantize] The last dimension of the matrix needs to be divisible by the "
                         f"quantization group size {group_size}, but it has shape {tuple(w.shape)}")
    if mode != "affine":
        raise NotImplementedError(f"[quantize] packing in the mode {mode} is not in this dialect")
    groups = _kernels.to_dtype(w, _dtypes.float32)
    groups = _kernels.reshape(groups, (*w.shape[:-1], -1, group_size))
    highest, lowest = _kernels.amax(groups, [-1], True), _kernels.amin(groups, [-1], True)
    levels = 2 ** bits - 1
    # The end that lies farther from zero is hit exactly, and zero where that costs nothing.
    below = _kernels.gt(_kernels.abs(lowest), _kernels.abs(highest))
    scale = _kernels.maximum(_kernels.true_divide(_kernels.sub(highest, lowest), levels), 1e-7)
    scale = _kernels.where(below, scale, _kernels.neg(scale))
    edge = _kernels.where(below, lowest, highest)
    steps = _kernels.round(_kernels.true_divide(edge, scale))
    moves = _kernels.ne(steps, 0)
    scale = _kernels.where(moves, _kernels.true_divide(edge, steps), scale)
    bias = _kernels.where(moves, edge, 0.0)
    numbers = _kernels.round(_kernels.true_divide(_kernels.sub(groups, bias), scale))
    numbers = _kernels.clamp(numbers, 0, levels)
    scales, biases = (_kernels.to_dtype(_kernels.squeeze(it, [-1]), w.dtype) for it in (scale, bias))
    return [packed(_kernels.reshape(numbers, w.shape), bits), scales, biases]


def _widened(w, scales, biases, group_size, bits, mode, dtype):
    """The weights of packed numbers."""
    group_size, bits = _settled(mode, group_size, bits)
    numbers = unpacked(w, bits)
    grouped = _kernels.reshape(numbers, (*numbers.shape[:-1], -1, group_size))
    if scales.shape[-1] != grouped.shape[-2]:
        raise ValueError(f"[dequantize] the weights {tuple(w.shape)} have {grouped.shape[-2]} groups of "
                         f"{group_size}, the scales {tuple(scales.shape)} are of {scales.shape[-1]}")
    if mode == "affine":
        if biases is None:
            raise ValueError("[dequantize] Biases must be provided for affine quantization.")
        made = _kernels.mul(_kernels.to_dtype(grouped, dtype),
                            _kernels.unsqueeze(_kernels.to_dtype(scales, dtype), -1))
        made = _kernels.add(made, _kernels.unsqueeze(_kernels.to_dtype(biases, dtype), -1))
    else:
        values = _e2m1(grouped) if bits == 4 else e4m3(_kernels.to_dtype(grouped, _dtypes.uint8))
        factors = e4m3(scales) if mode == "nvfp4" else _power_of_two(scales)
        made = _kernels.mul(values, _kernels.unsqueeze(factors, -1))
    return _kernels.to_dtype(_kernels.reshape(made, numbers.shape), dtype)


def _e2m1(numbers):
    table = _kernels.tensor(_E2M1 + [-it for it in _E2M1], _dtypes.float32)
    picked = _kernels.index_select(table, 0, _kernels.reshape(numbers, (-1,)))
    return _kernels.reshape(picked, numbers.shape)


def _power_of_two(scales):
    """Bytes as exponents of two."""
    return _kernels.exp2(_kernels.sub(_kernels.to_dtype(scales, _dtypes.float32), 127.0))


def e4m3(x):
    """Bytes as floats of four bits of exponent and three of mantissa."""
    values = []
    for it in range(256):
        exponent, mantissa, sign = (it >> 3) & 15, it & 7, -1.0 if it >> 7 else 1.0
        if exponent == 15 and mantissa == 7:
            values.append(float("nan"))
        elif exponent:
            values.append(sign * 2.0 ** (exponent - 7) * (1 + mantissa / 8))
        else:
            values.append(sign * 2.0 ** -6 * mantissa / 8)
    table = _kernels.tensor(values, _dtypes.float32)
    places = _kernels.reshape(_kernels.to_dtype(x, _dtypes.int64), (-1,))
    return _kernels.reshape(_kernels.index_select(table, 0, places), x.shape)


def from_fp8(x, dtype=_dtypes.bfloat16, *, stream=None):
    """Bytes that are floats of eight bits, as wider ones."""
    return _kernels.to_dtype(e4m3(x), dtype)


def to_fp8(x, *, stream=None):
    """Floats rounded to eight bits, as bytes: halves go to the even mantissa, what is too large to the end."""
    values = _kernels.to_dtype(x, _dtypes.float32)
    size = _kernels.minimum(_kernels.abs(values), 448.0)
    exponent = _kernels.floor(_kernels.log2(_kernels.maximum(size, 2.0 ** -6)))
    # A logarithm may round up to the next power.
    exponent = _kernels.where(_kernels.gt(_kernels.exp2(exponent), _kernels.maximum(size, 2.0 ** -6)),
                              _kernels.sub(exponent, 1), exponent)
    steps = _kernels.round(_kernels.true_divide(size, _kernels.exp2(_kernels.sub(exponent, 3))))
    # Below the smallest normal number the mantissa has no leading one, and a full one carries over.
    code = _kernels.add(_kernels.mul(_kernels.add(exponent, 6), 8), steps)
    sign = _kernels.where(_kernels.lt(values, 0), 128.0, 0.0)
    return _kernels.to_dtype(_kernels.add(code, sign), _dtypes.uint8)


def dequantize(w, /, scales, biases=None, group_size=None, bits=None, mode="affine", global_scale=None,
               dtype=None, *, stream=None):
    """The weights of packed numbers, each step rounded to the scales' dtype."""
    _no_global_scale(global_scale)
    own = scales.dtype if mode == "affine" else dtype or _dtypes.bfloat16
    made = _widened(w, scales, biases, group_size, bits, mode, own)
    return made if dtype is None else _kernels.to_dtype(made, dtype)


def _weights(x, w, scales, biases, transpose, group_size, bits, mode):
    """The weights for a product with ``x``, in 32 bits at least."""
    wide = x.dtype if x.dtype is _dtypes.float64 else _dtypes.float32
    made = _widened(w, scales, biases, group_size, bits, mode, wide)
    return _kernels.to_dtype(x, wide), _kernels.transpose(made, -1, -2) if transpose else made


def _result_dtype(x, scales, mode):
    return _kernels.promote_types(x.dtype, scales.dtype) if mode == "affine" else x.dtype


def quantized_matmul(x, w, /, scales, biases=None, transpose=True, group_size=None, bits=None,
                     mode="affine", *, stream=None):
    """A product with packed weights."""
    wide, weights = _weights(x, w, scales, biases, transpose, group_size, bits, mode)
    return _kernels.to_dtype(matmul(wide, weights), _result_dtype(x, scales, mode))


def gather_qmm(x, w, /, scales, biases=None, lhs_indices=None, rhs_indices=None, transpose=True,
               group_size=None, bits=None, mode="affine", global_scale=None, *, sorted_indices=False,
               stream=None):
    """Products with packed matrices that are chosen from a stack."""
    _no_global_scale(global_scale)
    wide, weights = _weights(x, w, scales, biases, transpose, group_size, bits, mode)
    left = every(wide) if lhs_indices is None else lhs_indices
    right = every(weights) if rhs_indices is None else rhs_indices
    shape = _kernels.broadcast_shapes([list(left.shape), list(right.shape)])
    made = _products(wide, weights, _kernels.expand(left, shape), _kernels.expand(right, shape))
    return _kernels.to_dtype(made, _result_dtype(x, scales, mode))
