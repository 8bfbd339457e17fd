"""Two ways to write RoPE settings: `rope_parameters` (transformers 5) and the fields before it.

The old spelling is accepted only when the config class reads it back to the same parameters:
candidates are tried until one does.
"""

from __future__ import annotations

import copy
from typing import Any, Iterator

_NESTED_INTO_SCALING = ("rope_theta", "partial_rotary_factor")
# Older names of the same fields, by config class lineage (gpt_neox wrote `rotary_pct`).
_ALIASES = {"rope_theta": ("rotary_emb_base",), "partial_rotary_factor": ("rotary_pct", "rope_pct")}


def old_spelling(config: Any, written: dict, own_aliases: set[str]) -> dict | None:
    """`written` (a config as a dict) without `rope_parameters`, or None when no spelling reads back."""
    expected = comparable(getattr(config, "rope_parameters", None))
    bare = {key: it for key, it in written.items() if key != "rope_parameters"}
    for fields in _candidates(written["rope_parameters"]):
        candidate = {**bare, **copy.deepcopy(fields)}
        for name, aliases in _ALIASES.items():
            for alias in aliases:
                if alias in own_aliases and name in fields:
                    candidate[alias] = candidate.pop(name)
        try:
            read = type(config).from_dict(copy.deepcopy(candidate))
        except Exception:  # noqa: BLE001 - a spelling that the class refuses is not its spelling
            continue
        if comparable(getattr(read, "rope_parameters", None)) == expected:
            return candidate
    return None


def _candidates(parameters: dict) -> Iterator[dict]:
    nested = {key: it for key, it in parameters.items() if isinstance(it, dict)}
    if not nested:
        yield _flat(parameters)
        return
    full = nested.get("full_attention") or next(iter(nested.values()))
    local = nested.get("sliding_attention") or {}
    yield {**_flat(full), "rope_local_base_freq": local.get("rope_theta")}
    yield _flat(full)
    yield {**_flat(full), "swa_rope_theta": local.get("rope_theta")}
    yield {**_flat(full), "local_rope_theta": local.get("rope_theta")}


def _flat(parameters: dict) -> dict:
    result = {"rope_theta": parameters.get("rope_theta")}
    if parameters.get("partial_rotary_factor") is not None:
        result["partial_rotary_factor"] = parameters["partial_rotary_factor"]
    scaling = {key: it for key, it in parameters.items() if key not in _NESTED_INTO_SCALING}
    kind = scaling.get("rope_type", "default")
    result["rope_scaling"] = None if kind == "default" else {**scaling, "type": kind}
    return result


def comparable(parameters: Any) -> Any:
    """RoPE parameters without the spellings of the same fact (`type` beside `rope_type`, nulls)."""
    if not isinstance(parameters, dict):
        return parameters
    return {key: comparable(it) for key, it in parameters.items() if key != "type" and it is not None}
