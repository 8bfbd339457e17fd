"""Which config fields a definition reads, and what changing one of them does.

Reads are seen at ``PreTrainedConfig.__getattribute__``, which exists in Python anyway, so looking
at the caller's frame costs little. A read counts when model code asked for it: a ``modeling_*.py``
file, or the shared code that builds a model's RoPE tables, masks and caches from the config. Reads
by loading, saving and validating do not count.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sys
from typing import Any, Iterator

import torch
from transformers import PreTrainedConfig

from ..session import Session, WorkerError
from . import files

_SHARED = ("modeling_rope_utils.py", "masking_utils.py", "cache_utils.py", "sdpa_attention.py")
_original = PreTrainedConfig.__getattribute__
_sink: set[str] | None = None
_kinds: dict[str, str] = {}


def _kind(filename: str) -> str:
    """`model` for code that defines a model, `config` for its config class, `other` for the rest."""
    kind = _kinds.get(filename)
    if kind is None:
        name = os.path.basename(filename)
        if name.startswith("modeling_") and f"{os.sep}models{os.sep}" in filename or name in _SHARED:
            kind = "model"
        elif name.startswith("configuration_") and f"{os.sep}models{os.sep}" in filename:
            kind = "config"
        else:
            kind = "other"
        _kinds[filename] = kind
    return kind


def _asked_by_model(frame: Any) -> bool:
    """Whether model code reads, directly or through a property of the config class."""
    for _ in range(4):
        if frame is None:
            return False
        kind = _kind(frame.f_code.co_filename)
        if kind == "model":
            return True
        # The default of `convert_rope_params_to_dict` and the like is parsing, not reading.
        if kind != "config" or frame.f_code.co_name == "__post_init__":
            return False
        frame = frame.f_back
        while frame is not None and frame.f_code.co_name == "__getattribute__":
            frame = frame.f_back
    return False


def _traced(self: PreTrainedConfig, key: str) -> Any:
    value = _original(self, key)
    if _sink is not None and key[:1] != "_":
        name = _original(self, "attribute_map").get(key, key)
        # What a config.json can hold: neither methods nor the class's own constants.
        held = name in _original(self, "__dict__") or name in type(self).__dataclass_fields__
        if held and name not in _sink and _asked_by_model(sys._getframe(1)):
            _sink.add(name)
    return value


@contextlib.contextmanager
def recording(sink: set[str]) -> Iterator[None]:
    """Collect the names that model code reads from any config while the block runs."""
    global _sink
    before, _sink = _sink, sink
    PreTrainedConfig.__getattribute__ = _traced
    try:
        yield
    finally:
        _sink = before
        if before is None:
            PreTrainedConfig.__getattribute__ = _original


def config_reads(session: Session, request: dict) -> dict:
    """The op ``config_reads``: the fields read while building and in the forwards so far."""
    return {"fields": sorted(session.handle(request["handle"]).config_fields)}


def config_experiment(session: Session, request: dict) -> dict:
    """The op ``config_experiment``: one field changed, the same weights, the same tokens."""
    from transformers import AutoConfig

    from .forward import logits_of
    from .opening import load

    checkpoint, dotted = request["checkpoint"], request["field"]
    path = os.path.join(checkpoint, "config.json")
    before = files.read_json(path)
    after = copy.deepcopy(before)
    holder, key = find(after, dotted)
    if holder is None:
        raise WorkerError("config", f"config.json has no field `{dotted}`", file=path)
    old, new = holder[key], another(key, holder[key])
    result = {"value_before": old, "value_after": new, "max_diff": None, "error": None,
              "is_default": old == default_of(before["model_type"], key)}
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


def default_of(model_type: str, key: str) -> Any:
    """What the definition's own config class gives the field, at the top or in its text part."""
    from transformers import AutoConfig

    config = AutoConfig.for_model(model_type)
    for holder in (config, config.get_text_config(decoder=True)):
        if hasattr(holder, key):
            return getattr(holder, key)
    return None


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
