"""The importer: frozen standard library first, then the sources that the machine was given."""

import sys

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
    """Runs a module's source."""

    def __init__(self, text):
        self._text = text

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self._text, module.__spec__.origin, "exec", dont_inherit=True), module.__dict__)

    def get_source(self, name):
        return self._text


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
        text, origin, is_package = found
        return _spec_of(name, _Loader(text), origin, is_package)


sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = _Printed()
sys.path[:] = []
sys.path_hooks[:] = []
sys.meta_path[:] = [_Finder] + [it for it in sys.meta_path if it.__name__ != "PathFinder"]
