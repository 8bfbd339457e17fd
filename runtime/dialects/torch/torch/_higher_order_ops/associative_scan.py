"""A scan with any associative operation."""

from .. import _shape
from ..utils import _pytree


def associative_scan(combine_fn, xs, dim=0, reverse=False, combine_mode="pointwise"):
    """Combines neighbours from the first element on; the order is that of a plain loop."""
    leaves, spec = _pytree.tree_flatten(xs)
    length = leaves[0].shape[dim]
    places = range(length - 1, -1, -1) if reverse else range(length)
    state, rows = None, []
    for place in places:
        item = _pytree.tree_unflatten([it.select(dim, place) for it in leaves], spec)
        state = item if state is None else combine_fn(state, item)
        rows.append(_pytree.tree_flatten(state)[0])
    if reverse:
        rows.reverse()
    stacked = [_shape.stack(list(column), dim) for column in zip(*rows)]
    return _pytree.tree_unflatten(stacked, spec)
