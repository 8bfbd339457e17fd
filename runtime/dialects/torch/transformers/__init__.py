"""Transformers: its definitions from their source, what they need of the library from its source or
from the stand-ins beside this file."""

import importlib as _importlib
import re as _re

import _kernels

_found = _re.search(r'__version__ = "([^"]+)"', _kernels.text_on_disk("transformers") or "")
__version__ = _found.group(1) if _found else "0.0.0"

# Names that definitions import from the package itself, and where they live.
_HOMES = {
    "configuration_utils": ("PreTrainedConfig", "PretrainedConfig"),
    "modeling_utils": ("PreTrainedModel", "AttentionInterface", "ALL_ATTENTION_FUNCTIONS"),
    "cache_utils": ("Cache", "DynamicCache", "StaticCache", "EncoderDecoderCache"),
    "models.auto": ("AutoConfig", "AutoModel", "AutoModelForCausalLM"),
    "generation": ("GenerationConfig", "GenerationMixin"),
    "masking_utils": ("AttentionMaskInterface",),
}


def __getattr__(name):
    for home, names in _HOMES.items():
        if name in names:
            return getattr(_importlib.import_module(f"transformers.{home}"), name)
    if not name.startswith("__"):
        try:
            return _importlib.import_module(f"transformers.{name}")
        except ModuleNotFoundError:
            pass
    raise AttributeError(f"transformers has no `{name}` in this dialect")
