"""What is left of a row of logits before a token is drawn."""

import torch
from portwright.sampling import Sampling


def distribution(request):
    """The probability of every token."""
    sampling = Sampling({"sample": True, **request["settings"]})
    sampling.note(request["settings"].get("seen") or [])
    shares, tokens = sampling.shares(torch.tensor(request["logits"]))
    found = torch.zeros(len(request["logits"]))
    found[tokens] = shares
    return found.tolist()
