"""Says why a port could not be loaded: which step, which file and line, and what to do next."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import os
import re
import traceback
from typing import Any

from ..session import WorkerError
from . import library

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def explain(error: BaseException, step: str, config: dict, utils: Any,
            args_class: type | None = None) -> WorkerError:
    """The failure of one step of ``load_model`` as an error that the harness can act on."""
    file, line = place(error)
    text = f"{type(error).__name__}: {error}"
    if step == "read":
        if "model_file" in text or "trust_remote_code" in text:
            return WorkerError("unsupported", f"the checkpoint brings its own model code: {error}")
        if isinstance(error, ValueError) and "JSON" in type(error).__name__:
            return WorkerError("config", f"config.json is not JSON: {error}")
        return WorkerError("weights", f"mlx-lm cannot read the weight files: {text}",
                           file=file, line=line)
    if step == "import":
        return _import_failure(error, config, utils)
    if step == "args":
        return _args_failure(error, config, _frame_or_class(error, args_class))
    if step == "build":
        return WorkerError("config", f"the port cannot be built from this config: {text}",
                           file=file, line=line, hint=_source_line(error))
    what = {"sanitize": "the port's sanitize failed", "quantize": "quantising the port failed",
            "load": "loading the weights failed"}[step]
    return WorkerError("weights", f"{what}: {text}", file=file, line=line, hint=_source_line(error))


def place(error: BaseException) -> tuple[str | None, int | None]:
    """File and line of the innermost frame in a port, else of the innermost not in our worker."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frame = _frame(error)
    return (frame.filename, frame.lineno) if frame else (None, None)


def _frame(error: BaseException) -> traceback.FrameSummary | None:
    frames = [it for it in traceback.extract_tb(error.__traceback__)
              if os.path.isfile(it.filename) and not it.filename.startswith(_OWN)]
    ports = [it for it in frames if "/models/" in it.filename.replace(os.sep, "/")]
    own = ports or frames
    return own[-1] if own else None


def _source_line(error: BaseException) -> str | None:
    if isinstance(error, SyntaxError):
        return f"the line is `{error.text.strip()}`" if error.text else None
    frame = _frame(error)
    return f"the line is `{frame.line}`" if frame and frame.line else None


def _import_failure(error: BaseException, config: dict, utils: Any) -> WorkerError:
    if isinstance(error, KeyError) and "model_type" not in config:
        return WorkerError("config", "config.json has no `model_type`")
    model_type = config.get("model_type")
    # `_get_classes` makes every ImportError "not supported"; the cause tells the two apart.
    cause = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    if isinstance(cause, ModuleNotFoundError) and (cause.name or "").startswith("mlx_lm.models."):
        wanted = cause.name.rpartition(".")[2]
        if not os.path.isfile(os.path.join(library.package_folder(), "models", wanted + ".py")):
            return _no_port(wanted, str(model_type), utils)
    file, line = place(cause)
    return WorkerError(
        "port-import", f"the port of `{model_type}` cannot be imported: "
                       f"{type(cause).__name__}: {cause}", file=file, line=line,
        hint=_source_line(cause))


def _no_port(module: str, model_type: str, utils: Any) -> WorkerError:
    folder = os.path.join(library.package_folder(), "models")
    ports = sorted(it[:-3] for it in os.listdir(folder) if it.endswith(".py") and it[0] != "_")
    remapped = dict(getattr(utils, "MODEL_REMAPPING", {}))
    near = difflib.get_close_matches(module, ports + sorted(remapped), n=5, cutoff=0.6)
    shown = [f"{it} (-> {remapped[it]})" if it in remapped else it for it in near]
    hint = f"nearest: {', '.join(shown)}" if shown else "no port has a similar name"
    return WorkerError("port-missing", f"mlx-lm has no models/{module}.py for model type "
                                       f"`{model_type}`", file=folder, hint=hint)


def _frame_or_class(error: BaseException, cls: type | None) -> tuple[str | None, int | None]:
    """Where the args went wrong: the port's frame, or its args class when ``base.py`` raised."""
    file, line = place(error)
    if cls is not None and (file is None or os.path.basename(file) == "base.py"):
        with contextlib.suppress(OSError, TypeError):
            return inspect.getsourcefile(cls), inspect.getsourcelines(cls)[1]
    return file, line


def _args_failure(error: BaseException, config: dict,
                  at: tuple[str | None, int | None]) -> WorkerError:
    file, line = at
    keys = sorted(config)
    names = re.findall(r"'(\w+)'", str(error)) if "required positional" in str(error) else []
    if not names:
        return WorkerError("config", f"the port's ModelArgs refuse this config: "
                                     f"{type(error).__name__}: {error}", file=file, line=line,
                           hint=_source_line(error))
    fields = ", ".join(f"`{it}`" for it in names)
    found = [f"`{it}` is under `{outer}`" for it in names
             for outer in ("rope_parameters", "rope_scaling", "text_config")
             if isinstance(config.get(outer), dict) and it in str(config[outer])]
    hint = "; ".join([*found, f"config.json has: {', '.join(keys)}"])
    return WorkerError("config", f"the port's ModelArgs need {fields}, which config.json does not "
                                 "have", file=file, line=line, hint=hint)
