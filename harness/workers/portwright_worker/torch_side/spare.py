"""``spare_fields``: what a config.json can leave out, because the definition's default says the same."""

from __future__ import annotations

import copy
import os
from typing import Any

from transformers import AutoConfig

from ..session import Session
from . import files
from .published import STORAGE

# What says which model it is and how its weights lie; a config.json without these is none.
ABOUT = {"model_type", "architectures", "torch_dtype", "dtype", "transformers_version", "text_config",
         "auto_map", "_name_or_path", *STORAGE}


def spare_fields(session: Session, request: dict) -> dict:
    """The op ``spare_fields``: fields of a checkpoint's config.json, each of which and all of which
    together can be left out without another config."""
    tree = files.read_json(os.path.join(request["checkpoint"], "config.json"))
    whole = _read(tree)
    kept = {*ABOUT, *request["kept"]}
    fields = []
    for path in [[name] for name in tree] + [["text_config", name] for name in tree.get("text_config") or {}]:
        fewer = copy.deepcopy(tree)
        holder = fewer["text_config"] if len(path) == 2 else fewer
        value = holder.pop(path[-1])
        if path[-1] not in kept and _read(fewer) == whole:
            fields.append({"path": path, "value": value})
            tree = fewer
    return {"fields": fields}


def _read(tree: dict) -> Any:
    """Every field as the library reads this file; a refusal is like nothing else."""
    fields = {name: copy.deepcopy(value) for name, value in tree.items() if name != "model_type"}
    try:
        return AutoConfig.for_model(tree["model_type"], **fields).to_dict()
    except Exception as error:  # noqa: BLE001 - a class may refuse in any way
        return error
