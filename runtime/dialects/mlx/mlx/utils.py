"""Trees of arrays: nested lists, tuples and dictionaries."""

from collections import defaultdict

_TREES = (list, tuple, dict)


def _children(tree):
    """The keys and values below a tree, or nothing for a leaf."""
    if isinstance(tree, dict):
        return tree.items()
    return enumerate(tree)


def _rebuilt(tree, values):
    """A list, tuple or dictionary like this one, of other values."""
    if isinstance(tree, dict):
        return dict(zip(tree, values))
    values = list(values)
    if isinstance(tree, list):
        return values
    return type(tree)(*values) if hasattr(tree, "_fields") else type(tree)(values)


def tree_map(fn, tree, *rest, is_leaf=None):
    """The tree with a function applied to each leaf, and to those of other trees at its place."""
    if (is_leaf is not None and is_leaf(tree)) or not isinstance(tree, _TREES):
        return fn(tree, *rest)
    return _rebuilt(tree, [tree_map(fn, it, *(other[key] for other in rest), is_leaf=is_leaf)
                           for key, it in _children(tree)])


def tree_map_with_path(fn, tree, *rest, is_leaf=None, path=None):
    """As ``tree_map``, with the leaf's path as the first argument."""
    if (is_leaf is not None and is_leaf(tree)) or not isinstance(tree, _TREES):
        return fn(path, *(tree, *rest))
    below = f"{path}." if path else ""
    return _rebuilt(tree, [
        tree_map_with_path(fn, it, *(other[key] for other in rest), is_leaf=is_leaf, path=f"{below}{key}")
        for key, it in _children(tree)])


def tree_flatten(tree, prefix="", is_leaf=None, destination=None):
    """Pairs of a leaf's path and the leaf, as a list or in a dictionary."""
    found = [] if destination is None else destination
    add = found.append if isinstance(found, list) else lambda pair: found.__setitem__(*pair)

    def walk(tree, path):
        if isinstance(tree, _TREES) and not (is_leaf is not None and is_leaf(tree)):
            for key, it in _children(tree):
                walk(it, f"{path}.{key}")
        else:
            add((path[1:], tree))

    walk(tree, prefix)
    return found


def tree_unflatten(tree):
    """A tree from pairs of paths and leaves; keys that are all numbers make a list."""
    pairs = list(tree.items() if isinstance(tree, dict) else tree)
    if len(pairs) == 1 and pairs[0][0] == "":
        return pairs[0][1]
    below = defaultdict(list)
    for path, leaf in pairs:
        key, _, rest = path.partition(".")
        below[key].append((rest, leaf))
    if below and all(it.isdigit() for it in below):
        made = []
        for key in sorted(below, key=int):
            # Places that nothing was given for are empty.
            made.extend({} for _ in range(int(key) - len(made)))
            made.append(tree_unflatten(below[key]))
        return made
    return {key: tree_unflatten(it) for key, it in below.items()}


def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    """The leaves brought together by a function of two."""
    if isinstance(tree, _TREES) and not (is_leaf is not None and is_leaf(tree)):
        for _, it in _children(tree):
            initializer = tree_reduce(fn, it, initializer, is_leaf)
        return initializer
    return tree if initializer is None else fn(initializer, tree)


def tree_merge(tree_a, tree_b, merge_fn=None):
    """Two trees as one; leaves at one place are brought together by a function."""
    if isinstance(tree_a, _TREES) and not len(tree_a):
        tree_a = None
    if isinstance(tree_b, _TREES) and not len(tree_b):
        tree_b = None
    if tree_a is None or tree_b is None:
        return tree_b if tree_a is None else tree_a
    if isinstance(tree_a, (list, tuple)) and isinstance(tree_b, (list, tuple)):
        made = [tree_merge(*pair, merge_fn) for pair in zip(tree_a, tree_b)]
        longer = tree_a if len(tree_a) > len(tree_b) else tree_b
        return type(tree_a)([*made, *longer[len(made):]])
    if isinstance(tree_a, dict) and isinstance(tree_b, dict):
        keys = [*tree_a, *(it for it in tree_b if it not in tree_a)]
        return {it: tree_merge(tree_a.get(it), tree_b.get(it), merge_fn) for it in keys}
    if merge_fn is None:
        raise ValueError("Trees contain elements at the same locations but no merge function was provided")
    return merge_fn(tree_a, tree_b)


def __getattr__(name):
    raise AttributeError(f"mlx.utils has no `{name}` in this dialect")
