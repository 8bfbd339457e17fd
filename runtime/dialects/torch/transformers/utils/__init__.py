"""What definitions and the library's own files take from ``transformers.utils``."""

from .. import __version__
from . import logging
from .auto_docstring import ClassAttrs, ClassDocstring, auto_class_docstring, auto_docstring
from .hub import *  # noqa: F403
from .import_utils import *  # noqa: F403
from .import_utils import _LazyModule, define_import_structure, direct_transformers_import
from .doc import (
    add_code_sample_docstrings, add_end_docstrings, add_start_docstrings,
    add_start_docstrings_to_model_forward, copy_func, replace_return_docstrings,
)
from .generic import *  # noqa: F403
from .generic import _is_tensor_or_array_like
from .kernel_config import KernelConfig

SAFE_WEIGHTS_NAME = "model.safetensors"
SAFE_WEIGHTS_INDEX_NAME = "model.safetensors.index.json"
WEIGHTS_NAME = "pytorch_model.bin"
WEIGHTS_INDEX_NAME = "pytorch_model.bin.index.json"
CONFIG_NAME = "config.json"
GENERATION_CONFIG_NAME = "generation_config.json"
PROCESSOR_NAME = "processor_config.json"
DUMMY_INPUTS = [[7, 6, 0, 0, 1], [1, 2, 3, 0, 0], [0, 0, 0, 4, 5]]
DUMMY_MASK = [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]]
SENTENCEPIECE_UNDERLINE = SPIECE_UNDERLINE = "\u2581"
IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
IMAGENET_STANDARD_MEAN = IMAGENET_STANDARD_STD = [0.5, 0.5, 0.5]
OPENAI_CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
OPENAI_CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def __getattr__(name):
    from . import import_utils

    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(import_utils, name)
