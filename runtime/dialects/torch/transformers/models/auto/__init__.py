"""A definition by its config."""

from .configuration_auto import CONFIG_MAPPING, AutoConfig
from .modeling_auto import *  # noqa: F403
from .modeling_auto import AutoModel, AutoModelForCausalLM


def __getattr__(name):
    from . import modeling_auto

    return getattr(modeling_auto, name)
