"""Model code that a checkpoint brings in its own folder: the classes that `auto_map` names."""

# Class names, and the files beside the checkpoint that define them; filled by ``portwright.remote``.
_HOMES = {}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"the checkpoint's own code has no `{name}`")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
