"""The calls of the Rust side: each takes and returns what JSON can hold."""

import _kernels
import torch

from . import loading, looking, remote, structure
from .blame import Blame
from .calling import greedy, logits_of
from .generating import Generation

_models = {}


class _Opened:
    """A loaded model."""

    def __init__(self, model, report):
        self.model, self.report = model, report


def open_model(request):
    """Builds the model of a config and fills it with the weights that the machine holds."""
    architecture = remote.register(request["config"]) or request.get("architecture")
    model, report = loading.load(request["config"], request.get("dtype"),
                                 request.get("attention") or "eager",
                                 request.get("experts") or "eager", architecture,
                                 bool(request.get("ledger")))
    _models[request["handle"]] = _Opened(model, report)
    return report


def close_model(request):
    _models.pop(request["handle"], None)
    return {}


def model(handle):
    """The model that `open_model` opened under a name."""
    return _models[handle].model


def forward(request):
    """Logits of given tokens, in one call without a cache."""
    opened = model(request["handle"])
    with Blame(opened):
        logits = logits_of(opened, torch.tensor(request["tokens"]))  # [B, T, V]
    _kernels.hand_over("logits", logits)
    return {"shape": list(logits.shape), "dtype": logits.dtype.name}


def generate(request):
    """Greedy ids, one step at a time with the cache."""
    opened = model(request["handle"])
    with Blame(opened):
        ids, logits = greedy(opened, request["prompt"], request["max_new_tokens"], request.get("apart") or 0)
    _kernels.hand_over("logits", logits)
    return {"ids": ids}


def start_text(request):
    """Reads a prompt; `continue_text` goes on from there."""
    opened = _models[request["handle"]]
    opened.text = Generation(opened.model, request)
    return continue_text(request)


def continue_text(request):
    """The ids of the next tokens, chosen as `start_text` was told."""
    opened = _models[request["handle"]]
    with Blame(opened.model):
        return {"ids": opened.text.steps(request.get("count") or 1)}


def inspect(request):
    """The module tree of an opened model, its weights and what was read of its config."""
    return looking.look(model(request["handle"]))


def describe(request):
    """What the model of a config, or of a model type's defaults, is made of; no weight is needed."""
    return structure.describe(request)


def config(request):
    """A config.json as its class reads it: what it leaves out, and what the class derives from it."""
    return {"fields": structure.fields(loading.config_of(request["config"]))}
