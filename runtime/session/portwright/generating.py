"""A text that goes on: the prompt is read once, then one token a step with the cache."""

import torch

from .calling import Decoding
from .sampling import Sampling


class Generation:
    """One text of a model, and what was chosen so far."""

    def __init__(self, model, request):
        self._decoding = Decoding(model)
        self._sampling = Sampling(request)
        self._next = [int(it) for it in request["ids"]]
        size = model.get_input_embeddings().weight.shape[0]
        outside = [it for it in self._next if not 0 <= it < size]
        if outside:
            raise ValueError(f"token {outside[0]} is outside of the model's {size} embeddings: "
                             "the tokenizer is another model's")
        if not self._next:
            raise ValueError("the prompt has no tokens")

    def steps(self, count):
        """The ids of the next `count` tokens."""
        ids = []
        for _ in range(count):
            self._sampling.note(self._next)
            logits = self._decoding.step(torch.tensor([self._next]), {"logits_to_keep": 1})  # [1, T, V]
            self._next = [self._sampling.choose(logits[0, -1])]
            ids += self._next
        return ids
