"""The torch engine: what the zygote imports, and the table of ops.

Importing must not compute: the parent of the forked sessions may hold no thread pool and no lazily
initialised kernel. So threads are set to one before anything else, and no tensor is made here.
"""

from __future__ import annotations

import os

from .. import catalogue, imported

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
# Weights are loaded by the session's one thread: several threads that meet torch's thread pool for
# the first time after a fork race to make it anew, and one of them may find none.
os.environ["HF_DEACTIVATE_ASYNC_LOAD"] = "1"


def preload() -> dict:
    """Import what every session needs, and say which versions and settings these are."""
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.set_grad_enabled(False)
    # Deterministic, and uninitialised memory is filled with NaN, so that a weight that nobody wrote
    # cannot pass for one. `use_deterministic_algorithms` does the same, but imports the compiler.
    torch.set_deterministic_debug_mode("warn")

    import safetensors.torch  # noqa: F401
    import transformers
    import transformers.cache_utils
    import transformers.conversion_mapping
    import transformers.core_model_loading
    import transformers.generation  # noqa: F401 - model classes inherit from its mixin
    import transformers.integrations
    import transformers.masking_utils
    import transformers.modeling_rope_utils
    import transformers.modeling_utils
    import transformers.models.auto.configuration_auto
    import transformers.models.auto.modeling_auto
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    from . import config_experiment, synthesize  # noqa: F401 - imported once, before the forks

    return {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "paths": {"transformers": os.path.dirname(transformers.__file__)},
        "precision": {
            "float32_matmul": torch.get_float32_matmul_precision(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        },
        "threads": torch.get_num_threads(),
    }


def _late(module: str, function: str):
    """An op whose module imports torch: resolved when called, so that preload() sets things first."""

    def op(session, request: dict) -> dict:
        from importlib import import_module

        return getattr(import_module(f".{module}", __package__), function)(session, request)

    return op


OPS = {
    "synthesize": _late("synthesize", "synthesize"),
    "open": _late("opening", "open_checkpoint"),
    "forward": _late("forward", "forward"),
    "generate": _late("forward", "generate"),
    "texts": _late("text", "texts"),
    "encode": _late("text", "encode"),
    "rope": _late("rope", "rope"),
    "config_reads": _late("config_experiment", "config_reads"),
    "config_experiment": _late("config_experiment", "config_experiment"),
    "variable_fields": _late("variations", "variable_fields"),
    "spare_fields": _late("spare", "spare_fields"),
    "synthesize_head": _late("heads", "synthesize_head"),
    "close": _late("opening", "close"),
    "catalogue": catalogue.definitions,
    "imported": imported.imported,
}
