"""Tensors spread over processes; there are none."""


class DTensor:
    """Nothing is an instance of this."""


class Placement:
    """Where a part lies."""


class Shard(Placement):
    """Cut along a dimension."""

    def __init__(self, dim=0):
        self.dim = dim


class Replicate(Placement):
    """Whole everywhere."""
