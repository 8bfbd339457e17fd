"""A published config.json at a tiny size: its own fields in its own words, with only sizes shrunk.

What the file does not say is not written either, so that a port meets the spelling that its users have.
"""

from __future__ import annotations

import copy
from typing import Any

from transformers import PreTrainedConfig

from . import dimensions
from .spelling import comparable, old_spelling

# What stores weights and not the model: a tiny checkpoint of plain floats has none of it.
STORAGE = ("quantization_config", "compression_config")
ROPE = ("rope_parameters", "rope_theta", "rope_scaling", "partial_rotary_factor", "rope_local_base_freq",
        "rotary_emb_base", "rotary_pct", "rope_pct", "swa_rope_theta", "local_rope_theta")
# What a config.json says of files and of code, not of the model.
_ABOUT_FILES = ("_name_or_path", "auto_map", "transformers_version", "architectures")
# By what a config says its depth.
COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


def without_storage(fields: dict, notes: list[str]) -> dict:
    """The fields without those that say how published weights are stored."""
    kept = dict(fields)
    for name in STORAGE:
        if kept.pop(name, None) is not None:
            notes.append(f"`{name}` is left out: it says how the published weights are stored")
    for name in ("dtype", "torch_dtype"):
        if "float8" in str(kept.get(name)) or "int" in str(kept.get(name)):
            notes.append(f"`{name}` {kept.pop(name)} is left out: a tiny checkpoint is stored in plain floats")
    return kept


def shrunk(fields: dict, known: dict, now: dict) -> dict:
    """Fields of the file that no rule speaks of, at the size that the others have.

    `known` are the declared ones as published, `now` all as they are now. A width that another name
    repeats stays the same width; a list with an entry for each layer, or of layers' numbers, loses those of
    layers that are no more.
    """
    depth, count = (next((it[name] for name in COUNTS if it.get(name)), None) for it in (known, now))
    smaller = widths(known, now)
    return {name: _shrunk(name, value, smaller, depth, count) for name, value in fields.items()}


def widths(before: dict, now: dict) -> dict[int, int]:
    """What became of each width that was shrunk."""
    return {value: now[name] for name, value in before.items()
            if is_width(value) and is_width(now.get(name), 1) and now[name] < value}


def is_width(value: Any, least: int = 32) -> bool:
    """Whether a number may be one: smaller ones are counts."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _shrunk(name: str, value: Any, widths: dict, depth: int | None, count: int | None) -> Any:
    if isinstance(value, dict):
        # Where one list has the number of the last layer, all of them count from one.
        from_one = any(isinstance(it, list) and it and it[-1] == depth for it in value.values())
        return {key: _of_layers(it, depth, count, from_one) if isinstance(it, list)
                else _shrunk(key, it, widths, depth, count) for key, it in value.items()}
    if isinstance(value, list):
        return _of_layers(value, depth, count)
    size = dimensions.size_of(name, value, published=True)
    if size is not None:
        return size
    return widths.get(value, value) if is_width(value) else value


def _of_layers(value: list, depth: int | None, count: int | None, from_one: bool = False) -> list:
    if not depth or not count or count >= depth or not value:
        return value
    if len(value) == depth:
        return value[:count]
    numbers = all(isinstance(it, int) and not isinstance(it, bool) for it in value)
    if numbers and value == sorted(set(value)) and max(value) <= depth:
        last = count if from_one or max(value) == depth else count - 1
        return [it for it in value if it <= last]
    return value


def as_published(base: dict, whole: dict, part: dict, config: PreTrainedConfig, head_dim: int,
                 old_head_dim: int) -> dict:
    """The fields of `part`, a whole config as a dict, that the file `base` has, and no others.

    `whole` is what the class makes of the file at its own size. A field is added only where the class
    would read the file as another config without it.
    """
    apart = {*STORAGE, *_ABOUT_FILES}
    # What the class takes under no name of its own, it took from the file.
    taken = shrunk({name: it for name, it in base.items() if name not in part}, whole, part)
    own = {name: copy.deepcopy(part.get(name, taken.get(name))) for name in base if name not in apart}
    own["model_type"] = part["model_type"]
    for name in ROPE:
        own.pop(name, None)
        if name in base:
            own[name] = rope(base[name], head_dim, old_head_dim)
    aliases = type(config).attribute_map
    for name in base:
        if aliases.get(name) in part:
            own[name] = part[aliases[name]]
    read = _read_back(type(config), own)
    for name, value in part.items():
        if name in own or name in ROPE or aliases.get(name) in own:
            continue
        if read is None or name not in read or comparable(read[name]) != comparable(value):
            own[name] = copy.deepcopy(value)
    wanted = comparable(part.get("rope_parameters"))
    if wanted and (read is None or comparable(read.get("rope_parameters")) != wanted):
        # Some field was set to another value: it is said in the way that the file has.
        bare = {name: it for name, it in own.items() if name not in ROPE}
        new = {**bare, "rope_parameters": copy.deepcopy(part["rope_parameters"])}
        old = None if "rope_parameters" in base else old_spelling(config, new, set(ROPE) & set(base))
        own = old or new
    return own


def rope(value: Any, head_dim: int, old_head_dim: int) -> Any:
    """RoPE settings at the tiny size: what counts frequencies counts those that there are."""
    if not isinstance(value, dict):
        return value
    result = {key: rope(it, head_dim, old_head_dim) if isinstance(it, dict) else it
              for key, it in dimensions.shrunk_scaling(value, head_dim).items()}
    sections = value.get("mrope_section")
    if isinstance(sections, list) and sections and sum(sections) * 2 == old_head_dim:
        total, parts = head_dim // 2, []
        for place, section in enumerate(sections):
            left = total - sum(parts) - (len(sections) - place - 1)
            share = round(section * total / sum(sections))
            parts.append(left if place == len(sections) - 1 else max(1, min(share, left)))
        result["mrope_section"] = parts
    return result


def _read_back(cls: type[PreTrainedConfig], fields: dict) -> dict | None:
    try:
        return cls.from_dict(copy.deepcopy(fields)).to_dict()
    except Exception:  # noqa: BLE001 - then the missing fields are added, and the definition decides
        return None
