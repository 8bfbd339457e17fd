"""Model classes by config: the definition's file lies beside the config's."""

import importlib
import re

import _kernels

from .configuration_auto import model_type_to_module_name

_TABLE = {}


def mapping(name):
    """One of the library's tables of class names by model type, read from its source."""
    if name not in _TABLE:
        text = _kernels.text_on_disk("transformers.models.auto.modeling_auto") or ""
        found = re.search(rf"^{name} = OrderedDict\(\n(.*?)^\)", text, re.M | re.S)
        rows = re.findall(r'\(\s*"([^"]+)",\s*(?:\(\s*)?"([^"]+)"', found.group(1)) if found else []
        _TABLE[name] = dict(rows)
    return _TABLE[name]


def class_of(config, table):
    """The class that a table names for a config."""
    name = mapping(table).get(config.model_type)
    if name is None:
        raise ValueError(f"Unrecognized configuration class {type(config).__name__} for {table}")
    # A type whose class is another type's: the class lies there.
    types = [config.model_type, *[it for it, other in mapping(table).items() if other == name]]
    for it in types:
        package = f"transformers.models.{model_type_to_module_name(it)}"
        for file in _kernels.list(package):
            # What a file lacks must be said: asking a package whether it has the name would hide it.
            if file.startswith("modeling_") and f"\nclass {name}(" in _kernels.text(f"{package}.{file}"):
                return getattr(importlib.import_module(f"{package}.{file}"), name)
    raise AttributeError(f"no file of {', '.join(types)} has `{name}`")


def named(config, name):
    """The class of that name among the files beside the config's own."""
    home = type(config).__module__.rpartition(".")[0]
    package = importlib.import_module(home)
    return getattr(package, name)


class _Auto:
    table = None

    def __init__(self, *args, **kwargs):
        raise OSError(f"{type(self).__name__} is made with from_config()")

    @classmethod
    def from_config(cls, config, **kwargs):
        model = class_of(config, cls.table)
        kwargs.pop("trust_remote_code", None)
        if getattr(model, "config_class", None) is config.sub_configs.get("text_config", cls):
            # A text model under a multimodal type.
            config = config.get_text_config()
        return model._from_config(config, **kwargs)

    @classmethod
    def from_pretrained(cls, *args, **kwargs):
        raise PermissionError("model code reads no files: the machine's caller does")

    @classmethod
    def register(cls, *args, **kwargs):
        raise NotImplementedError("model classes of other sources")


class AutoModel(_Auto):
    """The base model."""

    table = "MODEL_MAPPING_NAMES"


class AutoModelForCausalLM(_Auto):
    """The causal LM."""

    table = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"


class AutoModelForSeq2SeqLM(_Auto):
    """The encoder-decoder."""

    table = "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES"


class AutoModelForTextEncoding(_Auto):
    """The encoder of texts."""

    table = "MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES"


class AutoBackbone(_Auto):
    """The feature extractor of images."""

    table = "MODEL_FOR_BACKBONE_MAPPING_NAMES"


def __getattr__(name):
    if name.endswith("_MAPPING_NAMES"):
        return mapping(name)
    raise AttributeError(f"transformers.models.auto has no `{name}` in this dialect")
