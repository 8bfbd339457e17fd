"""Preparation of inputs is the caller's affair: these names stand in type hints only."""


class _Named:
    """Nothing is an instance of this."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Named
