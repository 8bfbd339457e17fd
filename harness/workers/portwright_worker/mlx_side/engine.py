"""The mlx engine: what the worker imports before it forks, and the ops it answers.

Where to start: ``loading`` (op open), ``forward`` (forward, generate), ``rope``, ``roundtrip``,
``conversion``, ``sharding``; ``tiny`` makes what the sweep of all ports asks about.

Invariants: nothing is evaluated in the parent, since MLX starts its threads at the first
evaluation and threads do not survive a fork; a port's module is imported in the child only; every
number comes from mlx-lm's own code, which is watched but never replaced.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform

import mlx.core as mx
import mlx.nn  # noqa: F401 - imported here so that children have it
import numpy
import safetensors.numpy  # noqa: F401

from .. import catalogue, imported
from ..protocol import Op, Session
from . import (conversion, device, forward, kernels, library, loading, mentions, quantised, rope,
               roundtrip, sharding, tiny)
from .loading import Handle


def preload() -> dict:
    """Import what loading and running need; say which versions and which device will be used."""
    utils = library.import_mlx_lm()
    importlib.import_module("mlx_lm.models.cache")
    gpu = device.is_gpu()
    if not gpu:
        mx.set_default_device(mx.cpu)
    if not forward.compiles():
        mx.disable_compile()
    kernels.install()
    return {
        "versions": {"mlx": importlib.metadata.version("mlx"), "mlx-lm": library.version(),
                     "numpy": numpy.__version__, "safetensors": safetensors.__version__},
        "precision": {
            "device": "gpu" if gpu else "cpu",
            "machine": platform.machine(),
            # On a GPU, MLX multiplies float32 in TF32 unless this is 0.
            "tf32": os.environ.get("MLX_ENABLE_TF32", "1") != "0" if gpu else False,
            "compile": forward.compiles(),
        },
        "paths": {"mlx-lm": os.path.dirname(os.path.abspath(utils.__file__))},
        "threads": 1,
    }


def config_reads(session: Session, request: dict) -> dict:
    """Op ``config_reads``: the config fields that the port read while building and since."""
    handle: Handle = session.handle(request["handle"])
    return {"fields": handle.watch.read()}


OPS: dict[str, Op] = {
    "open": loading.open_model,
    "forward": forward.forward,
    "generate": forward.generate,
    "rope": rope.rope,
    "config_reads": config_reads,
    "roundtrip": roundtrip.roundtrip,
    "quantised": quantised.quantised,
    "cast": conversion.cast,
    "sharded": sharding.sharded,
    "mentions": mentions.mentions,
    "tiny": tiny.tiny,
    "close": loading.close_model,
    "catalogue": catalogue.ports,
    "imported": imported.imported,
}
