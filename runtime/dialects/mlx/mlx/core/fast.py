"""The layers that MLX has kernels of their own for, in its steps and roundings."""

import math

import _kernels

from . import _dtypes
from ._array import as_array
from ._products import matmul

_Base = _kernels.TensorBase


def _wide(x):
    return x if x.dtype is _dtypes.float64 else _kernels.to_dtype(x, _dtypes.float32)


def _scaled(wide, x, weight, bias=None):
    """Rounded to the dtype that the input and the weights have together, then times and plus these."""
    kind = x.dtype
    for it in (weight, bias):
        kind = kind if it is None else _kernels.promote_types(kind, it.dtype)
    made = _kernels.to_dtype(wide, kind)
    if weight is not None:
        made = _kernels.mul(made, weight)
    return made if bias is None else _kernels.add(made, bias)


def rms_norm(x, weight, eps, *, stream=None):
    """The numbers over their root mean square, which is taken in 32 bits."""
    wide = _wide(x)
    mean = _kernels.mean(_kernels.mul(wide, wide), [-1], True)
    wide = _kernels.mul(wide, _kernels.rsqrt(_kernels.add(mean, eps)))
    return _scaled(wide, x, weight)


def layer_norm(x, weight, bias, eps, *, stream=None):
    """The numbers with mean zero and variance one, which are taken in 32 bits."""
    wide = _wide(x)
    wide = _kernels.sub(wide, _kernels.mean(wide, [-1], True))
    spread = _kernels.mean(_kernels.mul(wide, wide), [-1], True)
    wide = _kernels.mul(wide, _kernels.rsqrt(_kernels.add(spread, eps)))
    return _scaled(wide, x, weight, bias)


def rope(a, dims, *, traditional, base, scale, offset, freqs=None, stream=None):
    """The first ``dims`` numbers of each row turned by its place. [B, .., T, D]"""
    if (base is None) == (freqs is None):
        raise ValueError("[rope] Only one of base or freqs can have a value.")
    if a.ndim < 3:
        raise ValueError(f"[rope] Input must have at least 3 dimensions but got input with {a.ndim}")
    half = dims // 2
    kind = a.dtype if a.dtype is _dtypes.float64 else _dtypes.float32
    places = _kernels.arange(0, a.shape[-2], 1, kind)
    if isinstance(offset, _Base):
        offset = _kernels.to_dtype(offset, kind)
        # One start a row of the batch.
        places = _kernels.add(places, _kernels.reshape(offset, (-1, *(1,) * (a.ndim - 2))) if offset.ndim
                              else offset)
    else:
        places = _kernels.add(places, offset)
    if freqs is None:
        speeds = _kernels.exp(_kernels.mul(_kernels.arange(0, half, 1, kind), -math.log(base) / half))
    else:
        speeds = _kernels.reciprocal(_kernels.to_dtype(freqs, kind))
    angles = _kernels.mul(_kernels.unsqueeze(_kernels.mul(places, scale), -1), speeds)
    cos, sin = (_kernels.to_dtype(it, a.dtype) for it in (_kernels.cos(angles), _kernels.sin(angles)))
    if traditional:
        turned = _kernels.narrow(a, -1, 0, dims)
        pairs = _kernels.reshape(turned, (*a.shape[:-1], half, 2))
        first, second = _kernels.select(pairs, -1, 0), _kernels.select(pairs, -1, 1)
    else:
        first, second = _kernels.narrow(a, -1, 0, half), _kernels.narrow(a, -1, half, half)
    made = [_kernels.sub(_kernels.mul(first, cos), _kernels.mul(second, sin)),
            _kernels.add(_kernels.mul(first, sin), _kernels.mul(second, cos))]
    if traditional:
        turned = _kernels.flatten(_kernels.stack(made, -1), -2, -1)
        made = [turned]
    if dims < a.shape[-1]:
        made.append(_kernels.narrow(a, -1, dims, a.shape[-1] - dims))
    return _kernels.cat(made, -1)


def _masked(scores, mask):
    if isinstance(mask, str):
        if mask != "causal":
            raise ValueError(f"[scaled_dot_product_attention] Invalid mask type {mask}; "
                             "it is 'causal' or an array")
        rows, columns = scores.shape[-2:]
        at = _kernels.arange(columns - rows, columns, 1, _dtypes.int64)
        mask = _kernels.ge(_kernels.unsqueeze(at, -1), _kernels.arange(0, columns, 1, _dtypes.int64))
    elif scores.ndim == 5 and mask.ndim > 2:
        # [B, H, T, S] for the heads of each group. [B, G, H / G, T, S]
        heads = mask.shape[-3]
        mask = (_kernels.unsqueeze(mask, -3) if heads == 1
                else _kernels.unflatten(mask, -3, scores.shape[1:3]))
    if mask.dtype is _dtypes.bool_:
        return _kernels.where(mask, scores, _dtypes.finfo(scores.dtype).min)
    made = _kernels.add(scores, mask)
    if made.dtype is not scores.dtype:
        raise ValueError("[scaled_dot_product_attention] Mask type must promote to output type "
                         f"{scores.dtype.name}, not {mask.dtype.name}")
    return made


def scaled_dot_product_attention(q, k, v, *, scale, mask=None, sinks=None, stream=None):
    """Attention. [B, H, T, D] over [B, G, S, D] -> [B, H, T, D]; sinks take a share and give nothing."""
    if q.shape[1] % k.shape[1]:
        raise ValueError(f"[scaled_dot_product_attention] {q.shape[1]} heads of queries do not divide "
                         f"into {k.shape[1]} of keys")
    kind = _kernels.promote_types(_kernels.promote_types(q.dtype, k.dtype), v.dtype)
    q, k, v = (_kernels.to_dtype(it, kind) for it in (q, k, v))
    batch, heads, rows = q.shape[:3]
    groups = k.shape[1]
    q = _kernels.mul(q, scale)
    if groups != heads:
        q = _kernels.unflatten(q, 1, (groups, heads // groups))
        k, v = _kernels.unsqueeze(k, 2), _kernels.unsqueeze(v, 2)
    scores = matmul(q, _kernels.transpose(k, -1, -2))
    if mask is not None:
        scores = _masked(scores, mask)
    if sinks is not None:
        column = _kernels.to_dtype(as_array(sinks), kind)
        column = _kernels.reshape(column, (*q.shape[1:-2], 1, 1))
        column = _kernels.expand(column, (*scores.shape[:-1], 1))
        scores = _kernels.softmax(_kernels.cat([column, scores], -1), -1)
        scores = _kernels.narrow(scores, -1, 1, scores.shape[-1] - 1)
    else:
        scores = _kernels.softmax(scores, -1)
    made = matmul(scores, v)
    return _kernels.reshape(made, (batch, heads, rows, v.shape[-1]))


def metal_kernel(name, input_names, output_names, source, header="", ensure_row_contiguous=True,
                 atomic_outputs=False):
    """A kernel written for Apple's GPUs: it can be made, so that a file can be read, and never run."""
    def refused(*args, **kwargs):
        raise NotImplementedError(
            f"mx.fast.metal_kernel `{name}` is written for Apple's GPUs, which this runtime has none of: "
            "a port runs here where it has another way when mx.metal.is_available() is False")

    return refused


def cuda_kernel(name, *args, **kwargs):
    """A kernel written for NVIDIA's GPUs, as ``metal_kernel``."""
    return metal_kernel(name, (), (), "")


def __getattr__(name):
    raise AttributeError(f"mlx.core.fast has no `{name}` in this dialect")
