"""Files, of which a port sees what this machine was given and keeps what it would write."""

import os

import _kernels

# What whoever runs a port lets it read: the file's name, and what gives its arrays.
given = {}
# What it wrote, by the file's name.
written = {}


def load(file, /, format=None, return_metadata=False, *, stream=None):
    """The arrays of a file that this machine was given."""
    name = os.fspath(file) if not isinstance(file, str) else file
    if name in written:
        arrays, metadata = written[name]
        return (dict(arrays), dict(metadata)) if return_metadata else dict(arrays)
    if name not in given:
        raise PermissionError(f"[load] `{name}`: a port sees no files but the checkpoint's weights")
    arrays = given[name]()
    return (arrays, {}) if return_metadata else arrays


def save_safetensors(file, arrays, metadata=None):
    """Keeps what a file would hold, for ``load`` in this machine."""
    written[os.fspath(file) if not isinstance(file, str) else file] = (dict(arrays), dict(metadata or {}))


def _no_file(*args, **kwargs):
    raise PermissionError("a port writes no files")


save = savez = savez_compressed = save_gguf = export_function = import_function = _no_file


def weights():
    """All arrays of the checkpoint that the machine has open."""
    return {name: _kernels.weight(name) for name in _kernels.weight_names()}
