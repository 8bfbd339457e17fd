"""The importer: frozen standard library first, then the sources that the machine was given."""

import gc
import sys

import _collections
import _kernels


class _Printed:
    """What code prints is handed over with the answer."""

    encoding = "utf-8"
    errors = "replace"

    def write(self, text):
        _kernels.printed(text)
        return len(text)

    def writelines(self, lines):
        for it in lines:
            self.write(it)

    def flush(self):
        pass

    def isatty(self):
        return False


class _Loader:
    """Runs a module's code."""

    def __init__(self, code):
        self._code = code

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self._code, module.__dict__)

    def get_source(self, name):
        return _kernels.text(name)


def _spec_of(name, loader, origin, is_package):
    spec = type(sys.__spec__)(name, loader, origin=origin, is_package=is_package)
    spec.has_location = True
    spec.cached = ""
    if is_package:
        spec.submodule_search_locations = [origin.rpartition("/")[0]]
    return spec


class _Finder:
    """Finds what `_kernels.find` finds."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        found = _kernels.find(name)
        if found is None:
            return None
        code, origin, is_package = found
        return _spec_of(name, _Loader(code), origin, is_package)


class OrderedDict(dict):
    """A dictionary that remembers its order, as any dictionary does, and can change it.

    The standard library's own is written in Python here and reads through overridden methods, which
    classes that inherit from it do not expect.
    """

    def move_to_end(self, key, last=True):
        value = dict.pop(self, key)
        rest = [] if last else list(dict.items(self))
        if not last:
            dict.clear(self)
        dict.__setitem__(self, key, value)
        dict.update(self, rest)

    def popitem(self, last=True):
        if last:
            return dict.popitem(self)
        if not dict.__len__(self):
            raise KeyError("dictionary is empty")
        key = next(iter(dict.keys(self)))
        return key, dict.pop(self, key)

    def copy(self):
        return self.__class__(self)

    def __eq__(self, other):
        if isinstance(other, OrderedDict):
            return list(dict.items(self)) == list(dict.items(other))
        return dict.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = None

    def __repr__(self):
        name = self.__class__.__name__
        return f"{name}({dict(dict.items(self))!r})" if dict.__len__(self) else f"{name}()"


OrderedDict.__module__ = "collections"
_collections.OrderedDict = OrderedDict
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = _Printed()
sys.path[:] = []
sys.path_hooks[:] = []
# Importing makes tens of thousands of objects that stay; looking for circles among them takes a tenth of
# the time.
gc.set_threshold(100_000, 10, 10)
sys.meta_path[:] = [_Finder] + [it for it in sys.meta_path if it.__name__ != "PathFinder"]

import _lighter  # noqa: E402, F401 - found by the importer above
