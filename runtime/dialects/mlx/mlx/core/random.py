"""Random numbers. They come from this runtime's generator: MLX's own would be others from one seed."""

import math

import _kernels

from . import _dtypes
from ._array import array, as_array

_Base = _kernels.TensorBase
state = []


def _drawn(run, shape, dtype, key):
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    wide = dtype if dtype is _dtypes.float64 else _dtypes.float32
    made = run(shape, wide, None if key is None else _seed(key))
    return made if dtype is wide else _kernels.to_dtype(made, dtype)


def _seed(key):
    low, high = _kernels.tolist(_kernels.reshape(key, (-1,)))[-2:]
    return (low << 31) ^ high


def seed(seed):
    """Starts the generator anew."""
    _kernels.manual_seed(seed)


def key(seed):
    """A key for functions that take one."""
    return array([(seed >> 32) & 0xFFFFFFFF, seed & 0xFFFFFFFF], _dtypes.uint32)


def split(key, num=2, stream=None):
    """Keys from a key."""
    start = _seed(key)
    rows = [[(start * 2654435761 + 40503 * it) & 0xFFFFFFFF, (start + 2246822519 * (it + 1)) & 0xFFFFFFFF]
            for it in range(num)]
    return array(rows, _dtypes.uint32)


def uniform(low=0, high=1, shape=(), dtype=_dtypes.float32, key=None, stream=None):
    """Numbers between two, each as likely."""
    made = _drawn(_kernels.rand, shape, dtype or _dtypes.float32, key)
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return made if (low, high) == (0, 1) else _kernels.add(_kernels.mul(made, high - low), low)
    low, high = as_array(low), as_array(high)
    return _kernels.add(_kernels.mul(made, _kernels.sub(high, low)), low)


def normal(shape=(), dtype=_dtypes.float32, loc=None, scale=None, key=None, stream=None):
    """Numbers by the bell curve."""
    made = _drawn(_kernels.randn, shape, dtype or _dtypes.float32, key)
    if scale is not None:
        made = _kernels.mul(made, scale)
    return made if loc is None else _kernels.add(made, loc)


def truncated_normal(lower, upper, shape=None, dtype=_dtypes.float32, key=None, stream=None):
    """Numbers by the bell curve between two bounds."""
    shape = shape if shape is not None else getattr(lower, "shape", ())
    low, high = (_kernels.erf(_kernels.div(as_array(it, array(0.0)), math.sqrt(2)))
                 for it in (lower, upper))
    made = uniform(low, high, shape, dtype, key)
    return _kernels.mul(_kernels.erfinv(made), math.sqrt(2))


def randint(low, high, shape=(), dtype=_dtypes.int32, key=None, stream=None):
    """Whole numbers between two, the upper one not among them."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return _kernels.to_dtype(
        _kernels.randint(low, high, shape, _dtypes.int64, None if key is None else _seed(key)), dtype)


def bernoulli(p=0.5, shape=None, key=None, stream=None):
    """Whether by these chances."""
    p = as_array(p)
    return _kernels.lt(uniform(shape=p.shape if shape is None else shape, key=key), p)


def gumbel(shape=(), dtype=_dtypes.float32, key=None, stream=None):
    """Numbers whose largest is drawn by chances, beside logarithms of them."""
    drawn = _kernels.clamp(uniform(shape=shape, dtype=dtype, key=key), 1e-38, None)
    return _kernels.neg(_kernels.log(_kernels.neg(_kernels.log(drawn))))


def categorical(logits, axis=-1, shape=None, num_samples=None, key=None, stream=None):
    """The place of an element, by chances of which these are logarithms."""
    if shape is not None or num_samples is not None:
        raise NotImplementedError("[categorical] `shape` and `num_samples` are not in this dialect")
    noisy = _kernels.add(logits, gumbel(logits.shape, key=key))
    return _kernels.to_dtype(_kernels.argmax(noisy, axis), _dtypes.uint32)


def permutation(x, axis=0, key=None, stream=None):
    """The numbers below one, or the slices of an array, in a random order."""
    count = x if isinstance(x, int) else x.shape[axis]
    order = _kernels.randperm(count, _dtypes.int64, None if key is None else _seed(key))
    return (_kernels.to_dtype(order, _dtypes.int32) if isinstance(x, int)
            else _kernels.index_select(x, axis, order))


def __getattr__(name):
    raise AttributeError(f"mlx.core.random has no `{name}` in this dialect")
