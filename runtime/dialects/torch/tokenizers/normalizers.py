"""Tokenizers are the machine's caller's affair: these names stand in type hints only."""


class _Named:
    """Nothing is an instance of this."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError("tokenizers")


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Named
