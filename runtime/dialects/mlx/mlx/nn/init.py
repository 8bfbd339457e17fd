"""How weights begin."""

import mlx.core as mx


def constant(value, dtype=mx.float32):
    """One value everywhere."""
    return lambda a: mx.full(a.shape, value, dtype=dtype)


def normal(mean=0.0, std=1.0, dtype=mx.float32):
    """Numbers by the bell curve."""
    return lambda a: mx.random.normal(a.shape, dtype, mean, std)


def uniform(low=0.0, high=1.0, dtype=mx.float32):
    """Numbers between two."""
    return lambda a: mx.random.uniform(low, high, a.shape, dtype)
