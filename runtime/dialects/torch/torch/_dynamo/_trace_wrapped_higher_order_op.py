"""A mode that only compilation needs."""

from .._modes import _Context


class TransformGetItemToIndex(_Context):
    """Indexing is indexing."""
