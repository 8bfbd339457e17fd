"""What each side has: the causal language models of transformers, the ports of mlx-lm."""

from __future__ import annotations

import os

from .session import Session


def definitions(session: Session, request: dict) -> dict:
    """Op ``catalogue`` of a reference: every model type with a head, a causal LM by default, and the
    classes that a config of it names as its architectures."""
    from .torch_side.heads import architectures

    table = architectures(request.get("head") or "CAUSAL_LM")
    classes = {name: [it] if isinstance(it, str) else list(it) for name, it in table.items()}
    return {"model_types": sorted(table), "architectures": classes}


def ports(session: Session, request: dict) -> dict:
    """Op ``catalogue`` of the mlx engine: every file of ``mlx_lm/models``, and the tables by which
    ``_get_classes`` gives a model type, or a model type with an architecture, another file."""
    import mlx_lm.models
    from mlx_lm import utils

    folder = list(mlx_lm.models.__path__)[0]
    names = [it[:-3] for it in os.listdir(folder) if it.endswith(".py") and it != "__init__.py"]
    if request.get("models"):
        names = [it for it in names if _defines_a_model(os.path.join(folder, f"{it}.py"))]
    # Releases before the table by architecture have none.
    by_architecture = getattr(utils, "MODEL_ARCHITECTURE_REMAPPING", {})
    return {"model_types": sorted(names), "remapping": dict(utils.MODEL_REMAPPING),
            "remapping_by_architecture": [[*key, port] for key, port in by_architecture.items()]}


def _defines_a_model(path: str) -> bool:
    """Whether a file is a port, and not what ports share; it is not run for that."""
    with open(path, encoding="utf-8") as file:
        return any(line.startswith(("class Model(", "class Model:")) for line in file)
