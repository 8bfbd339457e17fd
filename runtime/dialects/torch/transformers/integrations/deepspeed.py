"""A library that is not here: every question has the answer no."""


def _no(*args, **kwargs):
    return False


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _no
