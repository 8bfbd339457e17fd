"""What ``verify --definitions`` asks of a model that the embedded runtime's own session opened."""

from __future__ import annotations

from contextlib import nullcontext

import _kernels
import torch
from portwright import session
from portwright.blame import Blame
from portwright.calling import Padding, in_chunks, logits_of

from .reordering import OtherOrder
from .ties import Ties
from .torch_side.inputs import main_output, tensors_of


def forward(request: dict) -> dict:
    """Logits of given tokens, in one call or in chunks with the cache."""
    model = session.model(request["handle"])
    tokens = torch.tensor(request["tokens"])  # [B, T]
    batch = Padding.of(request, tokens)

    def logits() -> torch.Tensor:
        if request.get("chunks"):
            return in_chunks(model, tokens, request["chunks"], batch)
        return logits_of(model, tokens, **batch.arguments())

    return _watched(model, request, logits)


def run(request: dict) -> dict:
    """The main output of a definition with any head, for inputs of any kind."""
    model = session.model(request["handle"])
    inputs = tensors_of(request["inputs"], model.config.dtype)
    return _watched(model, request, lambda: main_output(model(**inputs)))


def _watched(model: torch.nn.Module, request: dict, compute) -> dict:
    """What is computed, in another order and with choices among equals counted where it is asked."""
    ties = Ties() if request.get("ties") else nullcontext()
    order = OtherOrder() if request.get("other_order") else nullcontext()
    with Blame(model), ties, order:
        output = compute()
    _kernels.hand_over("logits", output)
    return {"shape": list(output.shape), "dtype": output.dtype.name,
            "ties": getattr(ties, "count", None)}
