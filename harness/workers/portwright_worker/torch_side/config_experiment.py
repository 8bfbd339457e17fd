"""``config_reads`` and ``config_experiment``: the fields a definition read, and what changing one does."""

from __future__ import annotations

import copy
import os
from typing import Any

import torch
from portwright.calling import logits_of
from transformers import AutoConfig

from ..session import Session, WorkerError
from . import files
from .opening import load
from .spare import ABOUT
from .tiny_config import knows
from .words import compared, source_of


def config_reads(session: Session, request: dict) -> dict:
    """The op ``config_reads``: the fields read while building and in the forwards so far."""
    opened = session.handle(request["handle"])
    return {"fields": sorted(opened.config_fields), "foreign": foreign(opened.tree, opened.model.config)}


def foreign(tree: dict, config: Any) -> list[str]:
    """Fields of a config.json that the definition's class does not know; none where a machine without sources
    cannot tell."""
    classes = {type(it) for it in (config, config.get_text_config(decoder=True))}
    if not all(map(source_of, classes)):
        return []
    own = tree.get("text_config", tree)
    return sorted(it for it in own if it not in ABOUT and not any(knows(cls, it) for cls in classes))


def config_experiment(session: Session, request: dict) -> dict:
    """The op ``config_experiment``: one field changed, the same weights, the same tokens."""
    checkpoint, dotted = request["checkpoint"], request["field"]
    path = os.path.join(checkpoint, "config.json")
    before = files.read_json(path)
    after = copy.deepcopy(before)
    holder, key = find(after, dotted)
    if holder is None:
        raise WorkerError("config", f"config.json has no field `{dotted}`", file=path)
    old = holder[key]
    new = another(key, old) or another_word(before["model_type"], key, old)
    default = defaults_of(before["model_type"], key)
    result = {"value_before": old, "value_after": new, "max_diff": None, "error": None,
              "is_default": old == (default or [None])[0], "default": default}
    if new is None:
        return {**result, "error": "no other valid value is known for this field"}
    holder[key] = new
    tokens = torch.tensor(request["tokens"])
    base = session.notes.get(("experiment", checkpoint, str(request["tokens"])))
    try:
        if base is None:
            model, _ = load(checkpoint, torch.float32, "eager")
            base = logits_of(model, tokens)
            session.notes[("experiment", checkpoint, str(request["tokens"]))] = base
        kwargs = {it: value for it, value in after.items() if it != "model_type"}
        config = AutoConfig.for_model(after["model_type"], **kwargs)
        model, info = load(checkpoint, torch.float32, "eager", config=config)
        changed = [*info["missing_keys"], *(it[0] for it in info["mismatched_keys"])]
        if changed or info["unexpected_keys"]:
            names = sorted({*changed, *info["unexpected_keys"]})
            return {**result, "error": f"the weights no longer fit: {', '.join(names[:4])}"}
        difference = (logits_of(model, tokens).double() - base.double()).abs().max().item()
    except Exception as error:  # noqa: BLE001 - a refused value is an answer
        return {**result, "error": f"{type(error).__name__}: {error}"[:400]}
    if difference != difference or difference == float("inf"):
        return {**result, "error": "the logits are not finite"}
    return {**result, "max_diff": difference}


def another_word(model_type: str, key: str, value: Any) -> str | None:
    """Another word that the definition's own source compares the field with."""
    if not isinstance(value, str):
        return None
    config = AutoConfig.for_model(model_type)
    words = compared(key, source_of(type(config.get_text_config(decoder=True))))
    return next((it for it in words if it != value), None)


def defaults_of(model_type: str, key: str) -> list:
    """What the definition's own config class gives the field, at the top or in its text part; empty where
    there is nothing that config.json could say."""
    config = AutoConfig.for_model(model_type)
    for holder in (config, config.get_text_config(decoder=True)):
        value = getattr(holder, key, _NOTHING)
        if value is None or isinstance(value, (bool, int, float, str, list, dict)):
            return [value]
    return []


_NOTHING = object()


def find(tree: dict, dotted: str) -> tuple[dict | None, str]:
    """The dict that holds a field, looked for at the top and in the text part of a config."""
    *parents, key = dotted.split(".")
    for root in (tree, tree.get("text_config") or {}):
        node: Any = root
        for name in parents:
            node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, dict) and key in node:
            return node, key
    return None, key


_OTHER_WORDS = {"silu": "gelu", "gelu": "silu", "gelu_new": "silu", "gelu_pytorch_tanh": "silu",
                "relu2": "silu", "greedy": "group_limited_greedy", "group_limited_greedy": "greedy"}


def another(key: str, value: Any) -> Any:
    """A different value that a user could have written for the same field, or None."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1 if abs(value) <= 64 else int(value * 1.5)
    if isinstance(value, float):
        return value * 1.5 if value else 0.5
    if isinstance(value, str):
        return _OTHER_WORDS.get(value)
    if isinstance(value, list) and value:
        if all(isinstance(it, str) for it in value):
            turned = value[1:] + value[:1]
            return turned if turned != value else None
        changed = [another(key, it) for it in value]
        return changed if None not in changed else None
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, (int, float)) and not isinstance(inner, bool):
                return {**value, name: another(name, inner)}
            if isinstance(inner, dict) and (other := another(name, inner)) is not None:
                return {**value, name: other}
    return None
