"""What the tests ask of the tiny definition."""

import _kernels
import torch
from portwright import config_ledger
from portwright.blame import Blame
from portwright.branches import Branches
from portwright.looking import look
from portwright.reads import Reads
from portwright.taps import Taps

from . import modeling_tiny


def _model(request):
    config = modeling_tiny.Config(request.get("plant"), bool(request.get("other_order")))
    config_ledger.watch(config)
    model = modeling_tiny.Tiny(config)
    for number, it in enumerate(model.parameters()):
        places = torch.arange(it.numel(), dtype=torch.float32).reshape(it.shape)
        it.copy_(torch.sin(places * 0.7 + number) * 0.5)
    dtype = getattr(torch, request.get("dtype") or "float32")
    _kernels.set_rounds_halves(dtype not in (torch.bfloat16, torch.float16))
    return model.to(dtype)


def forward(request):
    model = _model(request)
    tokens = torch.tensor([[1, 5, 9, 2, 30, 39], [7, 7, 0, 12, 3, 21]])
    with Blame(model), Taps(model) as taps:
        logits = model(tokens)
    _kernels.hand_over("logits", logits)
    return taps.records


def ledgers(request):
    branches = Branches("tiny.modeling_tiny")
    model = _model(request)
    branches.run()
    with Reads() as reads:
        model(torch.tensor([[1, 5, 9]]))
    idle = [name for name, it in model.named_parameters() if it.storage_id() not in reads.storages]
    return {"branches": branches.rows, "never_used": idle}


def inspect(request):
    return look(_model(request))
