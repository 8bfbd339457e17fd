"""The op ``mentions``: which sources of a port have a word in them, before anything is made for it to read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Iterator

from ..session import Session
from . import failures, library


def mentions(session: Session, request: dict) -> dict:
    """Op ``mentions``: files of the port of a checkpoint, and of the ports that it takes code from."""
    utils = library.import_mlx_lm()
    config: dict = {}
    try:
        config = utils.load_config(Path(request["checkpoint"]))
        model_class, _ = utils._get_classes(config=config)
    except (Exception, SystemExit) as error:  # a port may call sys.exit when it is imported
        raise failures.explain(error, "import", config, utils) from error
    files = (it.__file__ for it in _sources(sys.modules[model_class.__module__], set()))
    return {"files": sorted(os.path.basename(it) for it in files if request["word"] in Path(it).read_text("utf-8"))}


def _sources(module: ModuleType, seen: set[str]) -> Iterator[ModuleType]:
    """The module, and those beside it that it imports something from."""
    seen.add(module.__name__)
    yield module
    beside = module.__name__.rpartition(".")[0] + "."
    for it in list(vars(module).values()):
        name = it.__name__ if isinstance(it, ModuleType) else getattr(it, "__module__", None)
        if isinstance(name, str) and name.startswith(beside) and name not in seen and name in sys.modules:
            yield from _sources(sys.modules[name], seen)
