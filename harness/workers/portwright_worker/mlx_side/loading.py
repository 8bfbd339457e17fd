"""The op ``open``: mlx-lm's own ``load_model``, watched at each of its steps.

``load_model`` takes the function that finds the classes as a parameter. Ours hands it the real
classes behind thin observers, so the code that runs is the user's from the first line to the last,
and we still know at which step it stopped, what ``sanitize`` got and gave, and which weights do
not fit.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from ..session import Session, WorkerError
from .. import source_lines
from . import args_watch, checkpoint, failures, kernels, library, values

DTYPES = {"float32": mx.float32, "float64": mx.float64,
          "bfloat16": mx.bfloat16, "float16": mx.float16}


@dataclass
class Handle:
    """An opened model, and what its loading showed."""

    folder: str
    dtype: str | None
    model: nn.Module
    config: dict
    watch: args_watch.Watch
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    mismatched: list[dict] = field(default_factory=list)
    raw: dict[str, mx.array] = field(default_factory=dict)
    sanitized: dict[str, mx.array] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def opened(self) -> bool:
        """Whether strict loading found exactly the weights that the port has."""
        return not (self.missing or self.unexpected or self.mismatched)


def open_model(session: Session, request: dict) -> dict:
    """Op ``open``."""
    started = time.perf_counter()
    handle = load(request["checkpoint"], request.get("dtype", "float32"))
    seconds = time.perf_counter() - started
    result = _describe(handle, request.get("follow", True)) | {"seconds": seconds}
    handle.raw, handle.sanitized = {}, {}
    if handle.opened:
        session.handles[request["handle"]] = handle
    return result


def close_model(session: Session, request: dict) -> dict:
    """Op ``close``."""
    session.handles.pop(request["handle"], None)
    mx.clear_cache()
    return {}


def load(folder: str, dtype: str | None) -> Handle:
    """Run ``load_model`` on a local folder; weights that do not fit are noted, not raised. Without a dtype
    each weight keeps the one that it has."""
    if dtype is not None and dtype not in DTYPES:
        raise WorkerError("unsupported", f"no dtype `{dtype}` here; there are "
                                         f"{', '.join(DTYPES)}")
    utils = library.import_mlx_lm()
    files = checkpoint.require_readable(folder)
    steps = _Steps(dtype and DTYPES[dtype])
    try:
        with args_watch.nested(steps.watch):
            model, config = utils.load_model(
                Path(folder), lazy=True, strict=True,
                get_model_classes=lambda config: steps.classes(utils, config))
    except _Misfit:
        model, config = steps.model, steps.config
    except WorkerError:
        raise
    except (Exception, SystemExit) as error:  # a port may call sys.exit when it is imported
        raise failures.explain(error, steps.at, steps.config, utils,
                               steps.args_class) from error
    model.__class__ = steps.model_class
    handle = Handle(folder, dtype, model, config, steps.watch, steps.missing, steps.unexpected,
                    steps.mismatched, steps.raw, steps.sanitized, files)
    if handle.opened:
        kernels.evaluate(model.parameters())
    return handle


class _Misfit(Exception):
    """Strict loading would fail; the lists are in the steps."""


class _Steps:
    """The observers that stand between ``load_model`` and the port's classes."""

    def __init__(self, dtype: mx.Dtype | None) -> None:
        self.dtype = dtype
        self.at = "read"
        self.config: dict = {}
        self.watch = args_watch.Watch()
        self.model_class: Any = None
        self.args_class: Any = None
        self.model: Any = None
        self.raw: dict[str, mx.array] = {}
        self.sanitized: dict[str, mx.array] = {}
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.mismatched: list[dict] = []

    def classes(self, utils: Any, config: dict) -> tuple[Any, Any]:
        """What ``get_model_classes`` answers: (builds the model, has ``from_dict``)."""
        self.at, self.config = "import", config
        self.model_class, self.args_class = utils._get_classes(config=config)
        self.at = "args"
        return self._build, _ArgsReader(self, self.args_class)

    def _build(self, args: Any) -> nn.Module:
        self.at = "build"
        model = self.model_class(args)
        self.at = "sanitize"
        # `load_model` asks the instance, so the observers are methods of a subclass of its class.
        model.__class__ = type(self.model_class.__name__, (self.model_class,), {
            "__module__": self.model_class.__module__,
            "sanitize": lambda _, weights: self._sanitize(weights),
            "load_weights": lambda _, weights, strict=True: self._load(weights),
        })
        self.model = model
        return model

    def _sanitize(self, weights: dict) -> dict:
        # As if the checkpoint had been saved in this dtype: before the port sees it. The scales of fp8
        # weights, which are read as bytes, are stored in their own dtype beside those of any other.
        scales = {f"{name}_scale_inv" for name, it in weights.items() if it.dtype == mx.uint8}
        cast = {name for name, it in weights.items()
                if self.dtype is not None and mx.issubdtype(it.dtype, mx.floating)} - scales
        self.raw = {name: it.astype(self.dtype) if name in cast else it for name, it in weights.items()}
        result = dict(self.raw)
        if hasattr(self.model_class, "sanitize"):
            result = self.model_class.sanitize(self.model, result)
        if not isinstance(result, dict):
            raise TypeError(f"sanitize returned {type(result).__name__}, not the weights")
        if scales & weights.keys() and self.dtype is not None and self.dtype in (mx.float32, mx.float64):
            # Ports make bfloat16 of fp8 in every dtype: the same numbers, as wide as the others.
            narrow = (mx.bfloat16, mx.float16)
            result = {name: it.astype(self.dtype) if it.dtype in narrow else it for name, it in result.items()}
        self.sanitized = dict(result)
        self.at = "quantize"
        return result

    def _load(self, weights: list) -> nn.Module:
        self.at = "load"
        given = dict(weights)
        expected = tree_flatten(self.model.parameters(), destination={})
        self.missing = sorted(expected.keys() - given.keys())
        self.unexpected = sorted(given.keys() - expected.keys())
        self.mismatched = [
            {"name": name, "found": list(given[name].shape), "expected": list(it.shape)}
            for name, it in expected.items() if name in given and given[name].shape != it.shape]
        if self.missing or self.unexpected or self.mismatched:
            raise _Misfit
        return self.model_class.load_weights(self.model, weights, strict=True)


class _ArgsReader:
    def __init__(self, steps: _Steps, args_class: Any) -> None:
        self._steps, self._class = steps, args_class

    def from_dict(self, config: dict) -> Any:
        """The args of the real class, which note from now on what is read of them."""
        args = self._class.from_dict(config)
        self._steps.watch.add(args, config, top=True)
        return args


def _describe(handle: Handle, follow: bool) -> dict:
    """What came of an opening; where the checkpoint's values went only where it is asked."""
    model = handle.model
    top = handle.watch.top
    parameters = tree_flatten(model.parameters(), destination={})
    return {
        "opened": handle.opened,
        "class": type(model).__name__,
        "file": source_file(type(model)),
        "weight_files": [os.path.basename(it) for it in handle.files],
        "args_class": top.name, "args_fields": top.fields, "args_used": top.used,
        "args_ignored": top.ignored, "args_nested": [
            dataclasses.asdict(it) for it in handle.watch.records if it is not top],
        "args_read": handle.watch.read(),
        "load": {"missing": handle.missing, "unexpected": handle.unexpected,
                 "mismatched": handle.mismatched},
        "sanitize": values.follow(handle.raw, handle.sanitized) if follow else {},
        "parameters": [{
            "name": name, "shape": list(it.shape), "dtype": dtype_name(it),
            # Before loading a parameter holds its random start, which says nothing.
            "fingerprint": values.fingerprint(it) if follow and handle.opened else None,
        } for name, it in parameters.items()],
        "modules": source_lines.annotate(list(reversed(model.named_modules()))) if follow else [],
        "sizes": {"parameters": sum(it.size for it in parameters.values()),
                  "bytes": sum(it.nbytes for it in parameters.values())},
        "quantization": handle.config.get("quantization"),
    }


def dtype_name(array: mx.array) -> str:
    """``bfloat16``, as everybody else writes it."""
    return str(array.dtype).rpartition(".")[2]


def source_file(cls: type) -> str | None:
    """The file of a class."""
    try:
        return os.path.abspath(inspect.getsourcefile(cls) or "")
    except TypeError:
        return getattr(sys.modules.get(cls.__module__), "__file__", None)
