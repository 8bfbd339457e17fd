"""Regular expressions that are compiled when they are first used.

The library compiles the patterns of every model's checkpoint when it looks for one model's.
"""

import re


class _Pattern:
    """A pattern; whatever is asked of it is asked of the compiled one."""

    def __init__(self, text, flags):
        self._text, self._flags = text, flags

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._compiled = re.compile(self._text, self._flags)
        self.search, self.match, self.sub = (
            self._compiled.search, self._compiled.match, self._compiled.sub)
        return getattr(self._compiled, name)

    def __deepcopy__(self, memo):
        return self


class Lazily:
    """In place of the module `re` of one file: only `compile` waits."""

    @staticmethod
    def compile(pattern, flags=0):
        return _Pattern(pattern, flags)

    def __getattr__(self, name):
        return getattr(re, name)
