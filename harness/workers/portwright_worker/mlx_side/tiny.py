"""A tiny model of a port, from the port alone: its args filled by the names of their fields.

No definition is needed, so every port has one, those too that transformers does not know. What the names
do not tell is in :mod:`.tiny_fields`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import os
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from ..session import Session, WorkerError
from . import library, tiny_fields

_SEED = 7


def tiny(session: Session, request: dict) -> dict:
    """Op ``tiny``: a checkpoint of a port with every parameter random, as the port names them."""
    library.import_mlx_lm()
    port, out = request["port"], request["out"]
    try:
        module = importlib.import_module(f"mlx_lm.models.{port}")
        made = config(port)
        model = module.Model(module.ModelArgs.from_dict(dict(made)))
    except (Exception, SystemExit) as error:  # a port may call sys.exit when it is imported
        raise WorkerError("config", f"{type(error).__name__}: {error}") from error
    os.makedirs(out, exist_ok=True)
    mx.save_safetensors(os.path.join(out, "model.safetensors"), weights(model, _SEED))
    with open(os.path.join(out, "config.json"), "w", encoding="utf-8") as file:
        json.dump(made, file, indent=2)
    return {"class": type(model).__name__}


def config(port: str) -> dict:
    """The config of a tiny model."""
    module = importlib.import_module(f"mlx_lm.models.{port}")
    made = _filled(module.ModelArgs, port)
    made["model_type"] = port
    return made


def _filled(args: type, port: str) -> dict:
    own = tiny_fields.PORTS.get(port, {})
    made: dict[str, Any] = {}
    for name, has_default in _fields(args):
        if name in own:
            made[name] = own[name]
        elif name == "text_config":
            made[name] = _text(port)
        elif name in tiny_fields.SIZES:
            made[name] = tiny_fields.SIZES[name]
        elif not has_default and name != "model_type":
            raise ValueError(f"the args of `{port}` need `{name}`, of which no tiny value is known")
    for name, value in own.items():
        made.setdefault(name, value)
    return made


def _fields(args: type) -> list[tuple[str, bool]]:
    if dataclasses.is_dataclass(args):
        absent = dataclasses.MISSING
        return [(it.name, it.default is not absent or it.default_factory is not absent)
                for it in dataclasses.fields(args) if it.init]
    parameters = inspect.signature(args).parameters.values()
    return [(it.name, it.default is not inspect.Parameter.empty) for it in parameters]


def _text(port: str) -> dict:
    """The config of the text model under a port of several: another port's, or a class of its own."""
    inner, name = tiny_fields.TEXT.get(port, (port, "ModelArgs"))
    module = importlib.import_module(f"mlx_lm.models.{inner}")
    made = _filled(getattr(module, name), f"{port}.text" if inner == port else inner)
    made.setdefault("model_type", inner)
    return made


def weights(model: nn.Module, seed: int) -> dict[str, mx.array]:
    """Random values for every parameter: none is left at what it began with."""
    mx.random.seed(seed)
    made = {}
    for name, it in tree_flatten(model.parameters()):
        if not mx.issubdtype(it.dtype, mx.floating):
            made[name] = it
            continue
        last = name.rpartition(".")[2]
        drawn = mx.random.normal(it.shape)
        if last in tiny_fields.POSITIVE:
            drawn = mx.log(1.0 + 3.0 * mx.abs(drawn))
        elif it.ndim > 1:
            inner = it.size // it.shape[0] if "conv" in name else it.shape[-1]
            drawn = drawn * (1.2 / inner ** 0.5)
        elif "norm" in name and last == "weight":
            drawn = 1.0 + 0.2 * drawn
        else:
            drawn = 0.2 * drawn
        made[name] = drawn.astype(it.dtype)
    return made
