"""A table of rows."""

import math

import mlx.core as mx

from .base import Module
from .quantized import QuantizedEmbedding


class Embedding(Module):
    """The rows at some places. [..] -> [.., dims]"""

    def __init__(self, num_embeddings, dims):
        super().__init__()
        self.weight = mx.random.normal((num_embeddings, dims), scale=math.sqrt(1 / dims))

    def _extra_repr(self):
        return "{}, {}".format(*self.weight.shape)

    def __call__(self, x):
        return self["weight"][x]

    def as_linear(self, x):
        """The product with all rows."""
        return x @ self["weight"].T

    def to_quantized(self, group_size=None, bits=None, mode="affine", quantize_input=False, **options):
        """The layer with packed rows."""
        if quantize_input or options:
            raise ValueError("Quantized input is not supported for embeddings, nor is "
                             f"{', '.join(sorted(options)) or 'more'}")
        return QuantizedEmbedding.from_embedding(self, group_size, bits, mode=mode)
