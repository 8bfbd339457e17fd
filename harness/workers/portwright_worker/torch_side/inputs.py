"""What a definition with any head is fed, and which tensor of its answer is compared.

Plain PyTorch: the embedded runtime runs this file as well.
"""

import torch
from portwright.calling import Padding, in_chunks, logits_of
from portwright.unsupported import Unsupported

LENGTH = 12
PADDED = (12, 8)
DECODED = 6


def tokens_of(vocab, length=LENGTH):
    """Two rows of ids away from the special ones. [2, T]"""
    low, high = 10, min(vocab, 150)
    return [[low + (row * 37 + place * 13 + place * place) % (high - low) for place in range(length)]
            for row in range(2)]


def answer(model, request, dtype):
    """What a model answers to the ``tokens`` and ``signals`` of a request.

    Tokens go through the decoder, in one call or in ``chunks`` with the cache: [B, T] -> [B, T, V].
    Without tokens a definition is called once with the signals: its main output.
    """
    signals = tensors_of(request.get("signals") or {}, dtype)
    if not request.get("tokens"):
        with torch.no_grad():
            return main_output(model(**signals))
    tokens = torch.tensor(request["tokens"])
    batch = Padding.of(request, tokens)
    if not request.get("chunks"):
        return logits_of(model, tokens, **signals, **batch.arguments())
    if signals:
        raise Unsupported("signals are fed in one call, not in chunks")
    return in_chunks(model, tokens, request["chunks"], batch)


def tensors_of(signals, dtype):
    """The arguments of a call: lists are ids and masks, ``{"shape": ...}`` is a signal in ``dtype``."""
    return {name: signal(it["shape"], dtype) if isinstance(it, dict) else torch.tensor(it)
            for name, it in signals.items()}


def signal(shape, dtype):
    """Numbers between -1 and 1 without a pattern, the same in every library."""
    count = 1
    for it in shape:
        count *= it
    places = torch.arange(count, dtype=torch.int64)
    values = (places * 7919 + places // 13 * 104729) % 2001 - 1000
    return (values.to(torch.float64) / 1024).reshape(shape).to(dtype)


def main_output(output):
    """The logits, else the hidden states, else the first floating tensor."""
    for name in ("logits", "last_hidden_state"):
        found = getattr(output, name, None)
        if isinstance(found, torch.Tensor):
            return found
    values = output.values() if hasattr(output, "values") else output
    for it in values:
        if isinstance(it, torch.Tensor) and it.is_floating_point():
            return it
    raise ValueError(f"{type(output).__name__} holds no floating tensor")
