"""Nested containers as flat lists."""

_NODES = {}


class TreeSpec:
    """The shape of a nest."""

    def __init__(self, kind, context, children):
        self.kind, self.context, self.children = kind, context, children

    @property
    def num_leaves(self):
        return 1 if self.kind is None else sum(it.num_leaves for it in self.children)


def register_pytree_node(cls, flatten_fn, unflatten_fn, **names):
    _NODES[cls] = (flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _dict_flatten(value):
    return list(value.values()), list(value.keys())


def _dict_flatten_with_keys(value):
    return list(value.items()), list(value.keys())


register_pytree_node(dict, _dict_flatten, lambda values, keys: dict(zip(keys, values)))
register_pytree_node(list, lambda value: (value, None), lambda values, context: list(values))
register_pytree_node(tuple, lambda value: (list(value), None), lambda values, context: tuple(values))


def tree_flatten(tree, is_leaf=None):
    node = _NODES.get(type(tree))
    if node is None or is_leaf is not None and is_leaf(tree):
        return [tree], TreeSpec(None, None, [])
    children, context = node[0](tree)
    leaves, specs = [], []
    for it in children:
        more, spec = tree_flatten(it, is_leaf)
        leaves += more
        specs.append(spec)
    return leaves, TreeSpec(type(tree), context, specs)


def tree_unflatten(leaves, spec):
    leaves = list(leaves)
    if spec.kind is None:
        return leaves[0]
    children, start = [], 0
    for it in spec.children:
        children.append(tree_unflatten(leaves[start:start + it.num_leaves], it))
        start += it.num_leaves
    return _NODES[spec.kind][1](children, spec.context)


def tree_map(function, tree, *rests, is_leaf=None):
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(it, is_leaf)[0] for it in rests]
    return tree_unflatten([function(*it) for it in zip(leaves, *others)], spec)


def tree_leaves(tree, is_leaf=None):
    return tree_flatten(tree, is_leaf)[0]


def tree_map_only(kind, function, tree, is_leaf=None):
    return tree_map(lambda it: function(it) if isinstance(it, kind) else it, tree, is_leaf=is_leaf)
