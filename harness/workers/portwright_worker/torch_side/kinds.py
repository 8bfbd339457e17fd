"""Every kind of layer: a tiny model in which a class of the definition is missing says nothing of it.

A class default may have one kind of layer only (Bamba without attention), where published checkpoints mix
them. So what the built classes name and the model does not hold is looked for, and fields that say a
layer's kind are tried until it is there.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from functools import cache
from typing import Any, Iterator

import torch
import transformers.configuration_utils as known
from portwright.calling import logits_of

_MLP = tuple(getattr(known, "ALLOWED_MLP_LAYER_TYPES", ("dense", "sparse")))
_ATTENTION = tuple(getattr(known, "ALLOWED_ATTN_LAYER_TYPES",
                           getattr(known, "ALLOWED_LAYER_TYPES", ("full_attention", "linear_attention"))))


def unbuilt(model: torch.nn.Module) -> dict[str, str]:
    """Classes of layers that the source of a built class names and that the model holds none of.

    By the class that names them. What stands beside the decoder (poolers, towers) is none of its kinds.
    """
    built = {type(it) for it in model.modules()}
    missing: dict[str, str] = {}
    for cls in sorted(built, key=lambda it: it.__name__):
        for name in _named(cls):
            other = getattr(sys.modules[cls.__module__], name, None)
            if _is_layer(other) and not any(issubclass(it, other) for it in built):
                missing.setdefault(name, cls.__name__)
    return missing


def _is_layer(value: Any) -> bool:
    return (isinstance(value, type) and issubclass(value, torch.nn.Module)
            and value.__module__.startswith("transformers.models."))


@cache
def _named(cls: type) -> tuple[str, ...]:
    """The names in the source of a definition's class, in their order."""
    if not cls.__module__.startswith("transformers.models."):
        return ()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return ()
    return tuple(dict.fromkeys(it.id for it in ast.walk(tree) if isinstance(it, ast.Name)))


def completed(config: Any, build: Any) -> dict[str, Any]:
    """Fields by which as many kinds of layers as can be are built, and none is lost.

    ``build`` gives the model of a config with these fields; what it cannot read a text with is no choice.
    """
    chosen: dict[str, Any] = {}
    missing = _missing(build, chosen, "meta")
    for name, value in _candidates(config) if missing else ():
        trial = {**chosen, name: value}
        found = _missing(build, trial, "meta")
        if found is not None and found < missing and _missing(build, trial, "cpu") == found:
            chosen, missing = trial, found
    return chosen


def _missing(build: Any, fields: dict[str, Any], device: str) -> set[str] | None:
    """What such a model lacks; on a real device it has to read a text as well."""
    try:
        with torch.device(device):
            model = build(fields)
        if device != "meta":
            logits_of(model, torch.arange(10, 74)[None])
        return set(unbuilt(model))
    except Exception:  # noqa: BLE001 - a definition may refuse a trial in any way
        return None


def _candidates(config: Any) -> Iterator[tuple[str, Any]]:
    """One layer of another kind, in lists of words and in lists of layers' numbers."""
    depth = getattr(config, "num_hidden_layers", None) or 0
    for name, value in vars(config).items():
        if isinstance(value, (list, tuple)) and len(value) == depth > 1 and isinstance(value[0], str):
            at = 0 if "mlp" in name else depth // 2
            words = _MLP if "mlp" in name else _ATTENTION
            for word in words:
                if word not in value:
                    yield name, [*value[:at], word, *value[at + 1:]]
        elif value is None and _counts_layers(type(config), name):
            yield name, [depth // 2]


def _counts_layers(cls: type, name: str) -> bool:
    field = cls.__dataclass_fields__.get(name)
    is_list = field is not None and str(field.type).replace("typing.", "").startswith(("list", "List"))
    return is_list and "layer" in name and name.endswith(("indices", "ids", "idxs", "layers"))
