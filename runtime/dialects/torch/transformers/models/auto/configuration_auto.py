"""Config classes by model type, from the library's own table."""

import importlib

from .auto_mappings import CONFIG_MAPPING_NAMES, SPECIAL_MODEL_TYPE_TO_MODULE_NAME


def model_type_to_module_name(key):
    return SPECIAL_MODEL_TYPE_TO_MODULE_NAME.get(key, key.replace("-", "_"))


def _module_of(model_type):
    name = model_type_to_module_name(model_type)
    return importlib.import_module(f"transformers.models.{name}")


class _Configs:
    """The table as a dictionary whose classes are imported when they are asked for."""

    def __getitem__(self, model_type):
        if model_type not in CONFIG_MAPPING_NAMES:
            raise KeyError(model_type)
        return getattr(_module_of(model_type), CONFIG_MAPPING_NAMES[model_type])

    def __contains__(self, model_type):
        return model_type in CONFIG_MAPPING_NAMES

    def get(self, model_type, default=None):
        return self[model_type] if model_type in self else default

    def keys(self):
        return CONFIG_MAPPING_NAMES.keys()

    def __iter__(self):
        return iter(CONFIG_MAPPING_NAMES)

    def register(self, key, value, exist_ok=False):
        raise NotImplementedError("config classes of other sources")


CONFIG_MAPPING = _Configs()


class AutoConfig:
    """The config of any model type."""

    @classmethod
    def for_model(cls, model_type, *args, **kwargs):
        if model_type not in CONFIG_MAPPING:
            raise ValueError(f"Unrecognized model identifier: {model_type}")
        return CONFIG_MAPPING[model_type](*args, **kwargs)

    @classmethod
    def from_pretrained(cls, *args, **kwargs):
        raise PermissionError("model code reads no files: the machine's caller does")

    @staticmethod
    def register(model_type, config, exist_ok=False):
        raise NotImplementedError("config classes of other sources")
