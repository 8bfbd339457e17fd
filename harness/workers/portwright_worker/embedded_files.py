"""The seam to files inside the embedded runtime: the Rust side reads before an op and writes after.

The same functions as :mod:`.torch_side.native_files`. A request carries what its files hold; what an op
would write is kept here until the Rust side takes it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import _kernels
import torch
from portwright import loading

from .session import WorkerError

given: dict[str, Any] = {}
written: dict[str, Any] = {}
stored: dict[str, dict] = {}


def begin(request: dict) -> None:
    """Take the files that came with a request; forget those of the one before."""
    for it in (given, written, stored):
        it.clear()
    given.update(request.get("files") or {})


def read_json(path: str) -> Any:
    """A JSON file's value, if the request brought it."""
    if path not in given:
        raise OSError(f"the request brought no `{path}`")
    return given[path]


def write_json(path: str, tree: Any) -> None:
    """Keep what a JSON file shall hold."""
    written[path] = tree


def load_tensors(path: str) -> dict:
    """The tensors that were kept for a file."""
    return dict(stored[path])


def save_tensors(tensors: dict, path: str) -> None:
    """Keep what a safetensors file shall hold."""
    stored[path] = dict(tensors)


def save_model(model: Any, out: str, original: bool) -> None:
    """Keep a model's weights: each tied one once, under the names of published checkpoints."""
    from transformers.core_model_loading import revert_weight_conversion

    tied = model.all_tied_weights_keys
    state = {name: it for name, it in model.state_dict().items() if name not in tied}
    if original:
        state = revert_weight_conversion(model, state)
    stored[f"{out}/model.safetensors"] = dict(state)


def weight_files(checkpoint: str) -> list[str]:
    """The Rust side has opened them."""
    return [checkpoint]


def read_config(checkpoint: str) -> Any:
    """The checkpoint's config, through the class that its ``model_type`` names."""
    path = f"{checkpoint}/config.json"
    try:
        return loading.config_of(read_json(path))
    except Exception as error:  # noqa: BLE001 - every refusal of a config is one kind of failure
        raise WorkerError("config", f"{type(error).__name__}: {error}", file=path) from error


def load_model(checkpoint: str, config: Any, dtype: torch.dtype, attention: str,
               architecture: str | None = None) -> tuple[Any, dict]:
    """The model of a config with the weights that the machine holds, and what did not fit."""
    name = str(dtype).removeprefix("torch.")
    model, report = loading.load_config(config, name, attention, "eager", architecture, False)
    return model, {"missing_keys": report["missing"], "unexpected_keys": report["unexpected"],
                   "mismatched_keys": [tuple(it) for it in report["mismatched"]]}


def fingerprint(tensor: Any) -> str:
    """Recognises a tensor's values under another name, order or layout."""
    values = _kernels.to_dtype(_kernels.reshape(tensor, (-1,)), torch.float32)
    return hashlib.sha256(_kernels.bytes_of(_kernels.sort(values, 0)[0])).hexdigest()[:16]


def stored_parameters(checkpoint: str):
    """Every tensor of the files that the Rust side has opened, under the name it has there."""
    for name in sorted(_kernels.weight_names()):
        tensor = _kernels.weight(name)
        yield {"name": name, "shape": list(tensor.shape),
               "dtype": str(tensor.dtype).removeprefix("torch."), "fingerprint": fingerprint(tensor)}
