"""The ops of the port inside the embedded runtime: those of :mod:`.mlx_side`, with MLX's names on our kernels.

What an op reads and writes there are files. Python sees none here: a request brings what it needs, the
weights are open in the machine, and tensors are handed over. So the few functions of :mod:`.mlx_side`
that touch files have another body, and everything else is the code that real MLX runs.
"""

from __future__ import annotations

import os
import types
from pathlib import Path
from typing import Any

import _kernels
import mlx.core as mx
import mlx_lm.models
from mlx.core import _files
from mlx.utils import tree_flatten
from mlx_lm import utils
from portwright.unsupported import Unsupported

from . import imported as imports, session as sessions
from .mlx_side import checkpoint, failures, forward as running, kernels, library, loading
from .mlx_side import quantised as packing, rope as rotations, roundtrip as roundtrips, values
from .session import Session, WorkerError

_session = Session()
# The Rust side asks the system for the memory that was used.
sessions.resource = None
_WEIGHTS = "model.safetensors"
# What to do where the dialect lacks something.
_INSTEAD = "real MLX may have it: ask the engine `mlx`"
# The configs of the folders that ports are opened from.
_configs: dict[str, dict] = {}


def _require_readable(folder: str) -> list[str]:
    """The Rust side has looked at the files and opened them."""
    if folder not in _configs:
        raise WorkerError("weights", f"the request brought no checkpoint {folder}")
    return [f"{folder}/{_WEIGHTS}"]


def _handed_over(tensors: dict, path: str) -> None:
    for name, it in tensors.items():
        _kernels.hand_over(name, it if isinstance(it, mx.array) else it._portwright_tensor)


def _kept(handle: loading.Handle, folder: str) -> None:
    """What a checkpoint of the port would hold, for the next opening in this machine."""
    state = tree_flatten(handle.model.parameters(), destination={})
    _files.given[f"{folder}/{_WEIGHTS}"] = lambda: dict(state)
    _configs[folder] = dict(handle.config)


def _config(path: Path) -> dict:
    return utils._decode_tagged_floats(dict(_configs[str(path)]))


class _NoFile(type(Path())):
    """A path below which nothing lies beside what a request brought."""

    def exists(self, **options: Any) -> bool:
        """Nothing but the config and the weights is there."""
        return False


def _evaluated(*arrays: Any) -> None:
    """Everything is computed already."""


checkpoint.require_readable = _require_readable
library.import_mlx_lm = lambda: utils
library.package_folder = lambda: list(mlx_lm.models.__path__)[0].rpartition("/")[0]
loading.Path = _NoFile
utils.load_config = _config
utils.glob = types.SimpleNamespace(glob=lambda pattern: [
    it for it in _files.given if it.rpartition("/")[0] == str(pattern).rpartition("/")[0]])
running.write = rotations.write = packing.write = _handed_over
roundtrips.save = _kept
kernels.evaluate = _evaluated
# To sort and to hash numbers takes this machine longer.
values.SIZE_LIMIT = 1 << 20


def _ports() -> list[str]:
    return list(_kernels.list("mlx_lm.models"))


def _is_file(path: str) -> bool:
    """Whether a path is a source of the library, as the frames of an error name it."""
    folder = library.package_folder()
    if path.startswith(f"{folder}/models/"):
        return path.rpartition("/")[2].removesuffix(".py") in _ports()
    return path.startswith(f"{folder}/")


# What explains a failure looks at the sources by their paths.
failures.os = types.SimpleNamespace(
    path=types.SimpleNamespace(isfile=_is_file, join=os.path.join, basename=os.path.basename), sep="/",
    listdir=lambda folder: [f"{it}.py" for it in _ports()])


def _op(function):
    def op(request: dict) -> dict:
        if "dtype" in request:
            _kernels.set_rounds_halves(request["dtype"] not in ("bfloat16", "float16"))
        folder = request.get("checkpoint")
        if folder is not None:
            _configs[folder] = request["config"]
            _files.given[f"{folder}/{_WEIGHTS}"] = _files.weights
        try:
            return {"result": function(_session, request), "written": {}}
        except (WorkerError, Unsupported) as raised:
            error = WorkerError.of(raised)
            hint = error.hint
            if "in this dialect" in str(error):
                hint = f"{hint}; {_INSTEAD}" if hint else _INSTEAD
            return {"refused": {"kind": error.kind, "message": str(error), "file": error.file,
                                "line": error.line, "hint": hint}}

    return op


def _config_reads(session: Session, request: dict) -> dict:
    return {"fields": session.handle(request["handle"]).watch.read()}


def _models(session: Session, request: dict) -> dict:
    by_architecture = getattr(utils, "MODEL_ARCHITECTURE_REMAPPING", {})
    return {"model_types": sorted(_ports()), "remapping": dict(utils.MODEL_REMAPPING),
            "remapping_by_architecture": [[*key, port] for key, port in by_architecture.items()]}


open = _op(loading.open_model)
forward = _op(running.forward)
generate = _op(running.generate)
rope = _op(rotations.rope)
quantised = _op(packing.quantised)
config_reads = _op(_config_reads)
models = _op(_models)
imported = _op(imports.imported)
close = _op(loading.close_model)
