"""What ``verify --definitions`` asks of a model that the embedded runtime's own session opened."""

from __future__ import annotations

from contextlib import nullcontext

import _kernels
from portwright import session
from portwright.blame import Blame

from .reordering import OtherOrder
from .ties import Ties
from .torch_side.inputs import answer


def forward(request: dict) -> dict:
    """The answer to given tokens and signals; where it is asked, in another order and with choices among
    equals counted."""
    model = session.model(request["handle"])
    ties = Ties() if request.get("ties") else nullcontext()
    order = OtherOrder() if request.get("other_order") else nullcontext()
    with Blame(model), ties, order:
        output = answer(model, request, model.config.dtype)
    _kernels.hand_over("logits", output)
    return {"shape": list(output.shape), "dtype": output.dtype.name,
            "ties": getattr(ties, "count", None)}
