"""Layers split over processes: this machine is one process, so nothing is split."""

from .base import Module


def _refused(*args, **kwargs):
    raise NotImplementedError("layers are not split over processes in this runtime: it is one process")


shard_linear = shard_inplace = _refused


def sum_gradients(group):
    """What a layer does with its input: nothing, as there are no gradients."""
    return lambda x: x


class AllToShardedLinear(Module):
    """Refused: there is one process."""

    __init__ = _refused


class ShardedToAllLinear(Module):
    """Refused: there is one process."""

    __init__ = _refused


class QuantizedAllToShardedLinear(Module):
    """Refused: there is one process."""

    __init__ = _refused


class QuantizedShardedToAllLinear(Module):
    """Refused: there is one process."""

    __init__ = _refused
