"""Which config fields a definition reads.

Reads are seen at ``PreTrainedConfig.__getattribute__``, which exists in Python anyway, so looking
at the caller's frame costs little. A read counts when model code asked for it: a ``modeling_*.py``
file, or the shared code that builds a model's RoPE tables, masks and caches from the config. Reads
by loading, saving and validating do not count.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, Iterator

from transformers import PreTrainedConfig

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
