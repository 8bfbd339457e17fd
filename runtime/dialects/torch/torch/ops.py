"""Operators by namespace: none is registered here."""


class _Namespace:
    def __getattr__(self, name):
        raise AttributeError(f"no operator `{name}` is registered")


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Namespace()
