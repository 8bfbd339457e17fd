"""Modules and parameters in lists and dictionaries."""

from ..parameter import Parameter
from .module import Module


class Sequential(Module):
    """Modules one after another."""

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for name, it in args[0].items():
                self.add_module(name, it)
        else:
            for place, it in enumerate(args):
                self.add_module(str(place), it)

    def forward(self, input):
        for it in self._modules.values():
            input = it(input)
        return input

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, index):
        values = list(self._modules.values())
        return Sequential(*values[index]) if isinstance(index, slice) else values[index]

    def __setitem__(self, index, module):
        setattr(self, list(self._modules)[index], module)

    def append(self, module):
        self.add_module(str(len(self)), module)
        return self


class ModuleList(Module):
    """Modules by number."""

    def __init__(self, modules=None):
        super().__init__()
        self.extend(modules or ())

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, index):
        values = list(self._modules.values())
        return type(self)(values[index]) if isinstance(index, slice) else values[index]

    def __setitem__(self, index, module):
        self.add_module(str(range(len(self))[index]), module)

    def __delitem__(self, index):
        values = list(self._modules.values())
        del values[index]
        for name in list(self._modules):
            delattr(self, name)
        self.extend(values)

    def __contains__(self, module):
        return any(it is module for it in self._modules.values())

    def __add__(self, other):
        return type(self)([*self, *other])

    def __iadd__(self, other):
        return self.extend(other)

    def append(self, module):
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index, module):
        values = list(self._modules.values())
        values.insert(index, module)
        for place, it in enumerate(values):
            self.add_module(str(place), it)

    def extend(self, modules):
        for it in modules:
            self.append(it)
        return self


class ModuleDict(Module):
    """Modules by name."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def update(self, modules):
        for name, it in modules.items() if hasattr(modules, "items") else modules:
            self.add_module(name, it)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __contains__(self, key):
        return key in self._modules

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def keys(self):
        return self._modules.keys()

    def items(self):
        return self._modules.items()

    def values(self):
        return self._modules.values()

    def get(self, key, default=None):
        return self._modules.get(key, default)


class ParameterList(Module):
    """Parameters by number."""

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        for it in values or ():
            self.append(it)

    def append(self, value):
        setattr(self, str(self._size), value if isinstance(value, Parameter) else Parameter(value))
        self._size += 1
        return self

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter([getattr(self, str(it)) for it in range(self._size)])

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [getattr(self, str(it)) for it in range(self._size)[index]]
        return getattr(self, str(range(self._size)[index]))

    def __setitem__(self, index, value):
        setattr(self, str(range(self._size)[index]), value)


class ParameterDict(Module):
    """Parameters by name."""

    def __init__(self, parameters=None):
        super().__init__()
        for name, it in (parameters or {}).items():
            self[name] = it

    def __getitem__(self, key):
        return self._parameters[key]

    def __setitem__(self, key, value):
        self.register_parameter(key, value if isinstance(value, Parameter) else Parameter(value))

    def __contains__(self, key):
        return key in self._parameters

    def __len__(self):
        return len(self._parameters)

    def __iter__(self):
        return iter(self._parameters)

    def keys(self):
        return self._parameters.keys()

    def items(self):
        return self._parameters.items()

    def values(self):
        return self._parameters.values()
