"""Choosing the next token from the last logits, with transformers' rules in transformers' order."""

import _kernels
import torch


class Sampling:
    """How a token is chosen: the best one, or a draw from what is left after the filters.

    `temperature` divides the logits; `top_k` keeps so many tokens; `top_p` keeps the fewest tokens
    whose probabilities reach it; `min_p` keeps tokens at least so likely as that share of the best;
    `repetition_penalty` divides (or multiplies, below zero) the logits of tokens that were seen.
    """

    def __init__(self, request):
        self.sample = bool(request.get("sample"))
        self.temperature = request.get("temperature")
        self.top_k, self.top_p, self.min_p = request.get("top_k"), request.get("top_p"), request.get("min_p")
        self.penalty = request.get("repetition_penalty")
        self._generator = torch.Generator().manual_seed(request.get("seed") or 0)
        self._seen = []

    def note(self, ids):
        """Tokens that the prompt or the answer holds."""
        self._seen.extend(ids)

    def choose(self, logits):
        """The next token's id. [V] -> int"""
        if not self.sample:
            return int(self._penalised(logits.float()).argmax(-1))
        return self._draw(*self.shares(logits))

    def _penalised(self, logits):
        if self.penalty in (None, 1.0) or not self._seen:
            return logits
        seen = torch.tensor(sorted(set(self._seen)))  # [S]
        scores = logits[seen]
        changed = torch.where(scores < 0, scores * self.penalty, scores / self.penalty)
        return logits.scatter(0, seen, changed)

    def shares(self, logits):
        """Probabilities, likeliest first, and their tokens. [V] -> [N], [N]"""
        logits = self._penalised(logits.float())
        if self.temperature not in (None, 1.0):
            logits = logits / self.temperature
        count = logits.shape[-1] if not self.top_k else min(self.top_k, logits.shape[-1])
        values, tokens = _kernels.topk(logits, count, -1, True)  # [N]
        keep = torch.ones_like(values, dtype=torch.bool)
        keep[1:] = values[1:] > float("-inf")
        if self.top_p is not None and self.top_p < 1.0:
            # What comes before a token must not have reached the share yet.
            shares = values.softmax(-1)
            keep = keep & (shares.cumsum(-1) - shares < self.top_p)
            keep[0] = True
        if self.min_p:
            shares = values.masked_fill(~keep, float("-inf")).softmax(-1)
            keep = keep & (shares >= self.min_p * shares[0])
        return values.masked_fill(~keep, float("-inf")).softmax(-1), tokens

    def _draw(self, shares, tokens):
        threshold = torch.rand(1, generator=self._generator, dtype=torch.float64)
        sums = shares.double().cumsum(-1)
        index = int((sums < threshold * sums[-1]).sum())
        return int(tokens[min(index, len(tokens) - 1)])
