"""The calls of the Rust side: each takes and returns what JSON can hold."""

from contextlib import nullcontext

import _kernels
import torch

from . import loading, looking, remote, structure, taps
from .blame import Blame
from .decoding import Decoding, Padding, call, in_chunks
from .generating import Generation
from .reordering import OtherOrder
from .ties import Ties

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


def forward(request):
    """Logits of given tokens, in one call or in chunks with the cache; taps when they are wanted."""
    model = _models[request["handle"]].model
    tokens = torch.tensor(request["tokens"])  # [B, T]
    batch = Padding.of(request, tokens)
    records = []
    ties = Ties() if request.get("ties") else nullcontext()
    order = OtherOrder() if request.get("other_order") else nullcontext()
    with Blame(model), ties, order:
        if request.get("chunks"):
            logits = in_chunks(model, tokens, request["chunks"], batch)
        elif request.get("taps"):
            with taps.Taps(model) as recorder:
                logits = call(model, tokens, use_cache=False, **batch.arguments()).logits
            records = recorder.records
        else:
            logits = call(model, tokens, use_cache=False, **batch.arguments()).logits
    _kernels.hand_over("logits", logits)
    return {"shape": list(logits.shape), "dtype": logits.dtype.name, "taps": records,
            "ties": getattr(ties, "count", None)}


def run(request):
    """The main output of a definition with any head, for inputs of any kind."""
    # The torch worker runs the same file: both sides feed the same numbers.
    from portwright_worker.torch_side.inputs import main_output, tensors_of

    model = _models[request["handle"]].model
    ties = Ties() if request.get("ties") else nullcontext()
    order = OtherOrder() if request.get("other_order") else nullcontext()
    with Blame(model), ties, order:
        output = main_output(model(**tensors_of(request["inputs"], model.config.dtype)))
    _kernels.hand_over("logits", output)
    return {"shape": list(output.shape), "dtype": output.dtype.name,
            "ties": getattr(ties, "count", None)}


def generate(request):
    """Greedy ids, one step at a time with the cache."""
    model = _models[request["handle"]].model
    decoding, tokens = Decoding(model), torch.tensor([request["prompt"]])
    ids, steps = [], []
    with Blame(model):
        for _ in range(request["max_new_tokens"]):
            last = decoding.step(tokens)[:, -1:]  # [1, 1, V]
            tokens = last.argmax(-1)
            steps.append(last)
            ids.append(int(tokens))
    _kernels.hand_over("logits", torch.cat(steps, dim=1))
    return {"ids": ids}


def ledgers(request):
    """What a definition uses of its config, its branches and its weights."""
    from .ledgers import ledgers as made

    return made(request)


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
    return looking.look(_models[request["handle"]].model)


def describe(request):
    """What the model of a config, or of a model type's defaults, is made of; no weight is needed."""
    return structure.describe(request)


def config(request):
    """A config.json as its class reads it: what it leaves out, and what the class derives from it."""
    return {"fields": structure.fields(loading.config_of(request["config"]))}
