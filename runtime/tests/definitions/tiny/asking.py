"""What the tests ask of the tiny definition."""

import _kernels
import torch
from portwright import config_ledger
from portwright.blame import Blame
from portwright.looking import look
from portwright.taps import Taps

from .modeling_tiny import Config, Tiny


def _model(request):
    config = Config(request.get("plant"), bool(request.get("other_order")))
    config_ledger.watch(config)
    model = Tiny(config)
    for number, it in enumerate(model.parameters()):
        places = torch.arange(it.numel(), dtype=torch.float32).reshape(it.shape)
        it.copy_(torch.sin(places * 0.7 + number) * 0.5)
    return model.to(getattr(torch, request.get("dtype") or "float32"))


def forward(request):
    model = _model(request)
    tokens = torch.tensor([[1, 5, 9, 2, 30, 39], [7, 7, 0, 12, 3, 21]])
    with Blame(model), Taps(model) as taps:
        logits = model(tokens)
    _kernels.hand_over("logits", logits)
    return taps.records


def inspect(request):
    return look(_model(request))
