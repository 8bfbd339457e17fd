"""Encodings of places."""

import math

import mlx.core as mx

from .base import Module


class RoPE(Module):
    """The first numbers of each row turned by its place."""

    def __init__(self, dims, traditional=False, base=10000, scale=1.0):
        super().__init__()
        self.dims, self.traditional, self.base, self.scale = dims, traditional, base, scale

    def _extra_repr(self):
        return f"{self.dims}, traditional={self.traditional}"

    def __call__(self, x, offset=0):
        return mx.fast.rope(x, self.dims, traditional=self.traditional, base=self.base,
                            scale=self.scale, offset=offset)


class SinusoidalPositionalEncoding(Module):
    """Sines and cosines of places."""

    def __init__(self, dims, min_freq=0.0001, max_freq=1, scale=None, cos_first=False,
                 full_turns=False):
        super().__init__()
        one = 1 - mx.arange(0, dims // 2) / (dims // 2 - 1)
        speeds = mx.exp(one * (math.log(max_freq) - math.log(min_freq)) + math.log(min_freq))
        self._sigmas = speeds * (2 * math.pi) if full_turns else speeds
        self.scale = scale or (2 / dims) ** 0.5
        self.cos_first = cos_first

    def __call__(self, x):
        turned = x[..., None] * self._sigmas
        parts = [mx.cos(turned), mx.sin(turned)] if self.cos_first else [mx.sin(turned), mx.cos(turned)]
        made = mx.concatenate(parts, axis=-1)
        return made if self.scale == 1 else made * self.scale


class ALiBi(Module):
    """Scores that fall with the distance."""

    @staticmethod
    def create_alibi_slope(num_heads):
        """How fast they fall, by head."""
        step = (2 ** 8) ** (1 / num_heads)
        return mx.expand_dims(mx.power(step, -mx.arange(1, num_heads + 1)), axis=(-1, -2))

    @staticmethod
    def create_alibi_matrix(q_sequence_length, k_sequence_length, num_heads, offset, dtype=mx.float32):
        """What is added to the scores. [1, H, T, S]"""
        queries = mx.arange(offset, q_sequence_length)
        keys = mx.arange(0, k_sequence_length)
        apart = -mx.abs(mx.expand_dims(queries[:, None] - keys[None, :], axis=(0, 1)))
        return (apart * ALiBi.create_alibi_slope(num_heads)).astype(dtype)

    def __call__(self, attention_scores, offset=0, mask=None):
        made = attention_scores + ALiBi.create_alibi_matrix(
            attention_scores.shape[-2] + offset, attention_scores.shape[-1], attention_scores.shape[1],
            offset, attention_scores.dtype)
        return made if mask is None else made + mask
