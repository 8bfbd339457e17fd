"""What each side has: the causal language models of transformers, the ports of mlx-lm."""

from __future__ import annotations

import os

from .session import Session


def definitions(session: Session, request: dict) -> dict:
    """Op ``catalogue`` of the torch engine: every model type with a head, a causal LM by default."""
    from .torch_side.heads import architectures

    names = architectures(request.get("head") or "CAUSAL_LM")
    return {"model_types": sorted(names), "remapping": {}}


def ports(session: Session, request: dict) -> dict:
    """Op ``catalogue`` of the mlx engine: every file of ``mlx_lm/models``, and the remapped names."""
    import mlx_lm.models
    from mlx_lm import utils

    folder = list(mlx_lm.models.__path__)[0]
    names = [it[:-3] for it in os.listdir(folder) if it.endswith(".py") and it != "__init__.py"]
    return {"model_types": sorted(names), "remapping": dict(utils.MODEL_REMAPPING)}
