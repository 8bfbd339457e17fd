"""A checkpoint whose definition lies in its own folder: what `auto_map` of config.json names."""

import transformers_modules
from transformers.models.auto import configuration_auto

_MODEL_KEYS = ("AutoModelForCausalLM", "AutoModel")
_registered = {}


class _Own:
    """The library's table of config classes, and above it those of the checkpoint's own code."""

    def __init__(self, table):
        self._table = table

    def __getitem__(self, model_type):
        found = _registered.get(model_type)
        return self._table[model_type] if found is None else found

    def __contains__(self, model_type):
        return model_type in _registered or model_type in self._table

    def __getattr__(self, name):
        return getattr(self._table, name)

    def __iter__(self):
        return iter({**dict.fromkeys(self._table), **_registered})


def register(fields):
    """Makes the classes that `auto_map` names known, unless the library has the type itself.

    Returns the name of the model's class; None where the library's own is meant.
    """
    mapping = fields.get("auto_map") or {}
    model_type = fields.get("model_type")
    if not mapping or model_type in configuration_auto.CONFIG_MAPPING and model_type not in _registered:
        return None
    name = next((mapping[it] for it in _MODEL_KEYS if it in mapping), None)
    if name is None or "AutoConfig" not in mapping:
        raise ValueError(f"`auto_map` of config.json names no config and causal LM: it has {sorted(mapping)}")
    architecture = _home(name)
    config = _home(mapping["AutoConfig"])
    for it in mapping.values():
        if isinstance(it, str):
            _home(it)
    cls = getattr(transformers_modules, config)
    if not model_type:
        model_type = fields["model_type"] = cls.model_type
    _registered[model_type] = cls
    _replace_table()
    return architecture


def _home(reference):
    """Notes `file.Class`; code of another repository is not here."""
    if "--" in reference:
        raise ValueError(f"`auto_map` names code of another repository: {reference}")
    file, _, name = reference.rpartition(".")
    transformers_modules._HOMES[name] = file
    return name


def _replace_table():
    from . import loading

    if not isinstance(loading.CONFIG_MAPPING, _Own):
        loading.CONFIG_MAPPING = configuration_auto.CONFIG_MAPPING = _Own(configuration_auto.CONFIG_MAPPING)

