"""The tree of modules: a dictionary of arrays, modules, lists and dictionaries of them."""

import textwrap

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten


class Module(dict):
    """What layers and models inherit from: arrays and trees are entries, all else plain attributes."""

    def __init__(self):
        self._no_grad = set()
        self._training = True

    @property
    def training(self):
        """Whether it is being trained."""
        return self._training

    @property
    def state(self):
        """The module as the dictionary that it is."""
        return self

    def _extra_repr(self):
        return ""

    def __repr__(self):
        lines = [textwrap.indent(f"({name}): {it!r}", "  ")
                 for name, it in tree_flatten(self.children(), is_leaf=Module.is_module)]
        body = "\n" + "\n".join(lines) + "\n" if lines else ""
        return f"{type(self).__name__}({self._extra_repr()}{body})"

    def __getattr__(self, key):
        value = dict.get(self, key)
        if value is not None:
            return value
        return object.__getattribute__(self, key)

    def __setattr__(self, key, val):
        if isinstance(val, (mx.array, dict, list, tuple)):
            if key not in self and key in self.__dict__:
                dict_of = object.__getattribute__(self, "__dict__")
                del dict_of[key]
            self[key] = val
        else:
            object.__setattr__(self, key, val)
            self.pop(key, None)

    def __delattr__(self, name):
        if dict.get(self, name) is not None:
            del self[name]
        else:
            object.__delattr__(self, name)

    # Weights.

    def load_weights(self, file_or_weights, strict=True):
        """Takes arrays by their paths; strictly all of them, and no others."""
        weights = file_or_weights
        if isinstance(weights, str):
            weights = list(mx.load(weights).items())
        if strict:
            self._require_all(dict(weights))
        if len(weights):
            self.update(tree_unflatten(weights), strict=False)
        return self

    def _require_all(self, weights):
        own = tree_flatten(self.parameters(), destination={})
        extra, missing = sorted(weights.keys() - own.keys()), sorted(own.keys() - weights.keys())
        if extra:
            listed = ",\n".join(extra)
            raise ValueError(f"Received {len(extra)} parameters not in model: \n{listed}.")
        if missing:
            listed = ",\n".join(missing)
            raise ValueError(f"Missing {len(missing)} parameters: \n{listed}.")
        for name, it in own.items():
            given = weights[name]
            if not isinstance(given, mx.array):
                raise ValueError(f"Expected mx.array but received {type(given)} for parameter {name}")
            if given.shape != it.shape:
                raise ValueError(f"Expected shape {it.shape} but received shape {given.shape} "
                                 f"for parameter {name}")

    def save_weights(self, file):
        """Hands the arrays to ``mx.save_safetensors``."""
        mx.save_safetensors(file, tree_flatten(self.parameters(), destination={}))

    # The tree.

    @staticmethod
    def is_module(value):
        """Whether it is one."""
        return isinstance(value, Module)

    @staticmethod
    def valid_child_filter(module, key, value):
        """Whether modules can lie there."""
        return isinstance(value, (dict, list))

    @staticmethod
    def valid_parameter_filter(module, key, value):
        """Whether arrays can lie there that are parameters."""
        return isinstance(value, (dict, list, mx.array)) and not key.startswith("_")

    @staticmethod
    def trainable_parameter_filter(module, key, value):
        """Whether it is a parameter that is not frozen."""
        return Module.valid_parameter_filter(module, key, value) and key not in module._no_grad

    def filter_and_map(self, filter_fn, map_fn=None, is_leaf_fn=None):
        """The entries that a filter lets through, as plain dictionaries and lists, leaves mapped."""
        map_fn = map_fn or (lambda it: it)
        is_leaf_fn = is_leaf_fn or (lambda module, key, it: not isinstance(it, (Module, dict, list)))
        return {key: _mapped(self, key, it, filter_fn, map_fn, is_leaf_fn)
                for key, it in self.items() if filter_fn(self, key, it)}

    def parameters(self):
        """All arrays but those whose names begin with an underscore."""
        return self.filter_and_map(self.valid_parameter_filter)

    def trainable_parameters(self):
        """The parameters that are not frozen."""
        return self.filter_and_map(self.trainable_parameter_filter)

    def children(self):
        """The modules directly below."""
        return self.filter_and_map(self.valid_child_filter,
                                   is_leaf_fn=lambda module, key, it: isinstance(it, Module))

    def leaf_modules(self):
        """The modules that have none below."""
        def is_leaf(module, key, it):
            return isinstance(it, Module) and not tree_flatten(it.children())

        return self.filter_and_map(self.valid_child_filter, is_leaf_fn=is_leaf)

    def update(self, parameters, strict=True):
        """Puts arrays in the place of those at the same paths."""
        _replaced(self, parameters, strict, mx.array)
        return self

    def update_modules(self, modules, strict=True):
        """Puts modules in the place of those at the same paths."""
        _replaced(self, modules, strict, Module)
        return self

    def apply(self, map_fn, filter_fn=None):
        """Puts what a function makes of each parameter in its place."""
        self.update(self.filter_and_map(filter_fn or Module.valid_parameter_filter, map_fn))
        return self

    def apply_to_modules(self, apply_fn):
        """Calls a function with the path of each module and the module, this one first."""
        waiting = [("", self)]
        while waiting:
            path, module = waiting.pop()
            apply_fn(path, module)
            prefix = f".{path}" if path else ""
            waiting.extend(tree_flatten(module.children(), prefix=prefix, is_leaf=Module.is_module))
        return self

    def modules(self):
        """All modules, this one first."""
        return [it for _, it in self.named_modules()]

    def named_modules(self):
        """All modules with their paths, this one first."""
        found = []
        self.apply_to_modules(lambda path, module: found.append((path, module)))
        return found

    # Training, which is only remembered.

    def freeze(self, *, recurse=True, keys=None, strict=False):
        """Marks parameters as not to be trained."""
        return self._marked(recurse, keys, strict, lambda own, names: own.update(names))

    def unfreeze(self, *, recurse=True, keys=None, strict=False):
        """Takes the mark away."""
        return self._marked(recurse, keys, strict, lambda own, names: own.difference_update(names))

    def _marked(self, recurse, keys, strict, change):
        def mark(_, module):
            names = keys
            if names is None:
                own = module.filter_and_map(
                    lambda it, key, value: not isinstance(value, (dict, list)) and
                    it.valid_parameter_filter(it, key, value))
                names = [name for name, _ in tree_flatten(own)]
            names = names if isinstance(names, list) else [names]
            if strict:
                for it in names:
                    if it not in module:
                        raise KeyError(f"Module doesn't contain member {it}.")
            change(module._no_grad, names)

        self.apply_to_modules(mark) if recurse else mark("", self)
        return self

    def train(self, mode=True):
        """Remembers whether it is being trained."""
        self.apply_to_modules(lambda _, module: setattr(module, "_training", mode))
        return self

    def eval(self):
        """No longer in training."""
        return self.train(False)

    def set_dtype(self, dtype, predicate=lambda it: mx.issubdtype(it, mx.floating)):
        """Casts the parameters whose dtype a predicate lets through."""
        return self.apply(lambda it: it.astype(dtype) if predicate is None or predicate(it.dtype) else it)


def _mapped(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return value.filter_and_map(filter_fn, map_fn, is_leaf_fn)
    def below(name, it):
        path = f"{key}.{name}"
        # What a filter stops keeps its place, so that trees stay alike.
        return _mapped(module, path, it, filter_fn, map_fn, is_leaf_fn) if filter_fn(module, path, it) else {}

    if isinstance(value, dict):
        return {name: below(name, it) for name, it in value.items()}
    if isinstance(value, list):
        return [below(at, it) for at, it in enumerate(value)]
    raise RuntimeError(f"Unexpected leaf found while traversing the module: {type(value).__name__}")


def _replaced(tree, given, strict, kind):
    """Puts values of a kind in the place of those at their paths in a tree."""
    if not isinstance(given, (dict, list)):
        if strict:
            raise ValueError(f"Received invalid type: {type(given).__name__}.")
        return
    pairs = given.items() if isinstance(given, dict) else enumerate(given)
    for key, new in pairs:
        there = key in tree if isinstance(given, dict) else key < len(tree)
        if not there:
            if strict:
                raise ValueError(f'Module does not have a member named "{key}".')
            continue
        current = tree[key]
        if isinstance(current, kind) and isinstance(new, kind):
            tree[key] = new
        elif isinstance(current, (dict, list)):
            _replaced(current, new, strict, kind)
        elif strict and new != {}:
            raise ValueError(f"Received invalid type: {type(new).__name__} for \"{key}\".")
        elif kind is mx.array and isinstance(current, mx.array):
            tree[key] = new
