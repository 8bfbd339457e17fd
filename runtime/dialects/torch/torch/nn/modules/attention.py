"""PyTorch's own attention module."""

import _kernels

from ..._creation import empty
from .. import functional as F
from ..parameter import Parameter
from .linear import Linear
from .module import Module


class MultiheadAttention(Module):
    """Attention of several heads with one projection for queries, keys and values."""

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False,
                 add_zero_attn=False, kdim=None, vdim=None, batch_first=False, device=None,
                 dtype=None):
        super().__init__()
        if add_bias_kv or add_zero_attn or kdim not in (None, embed_dim) or vdim not in (None, embed_dim):
            raise NotImplementedError("MultiheadAttention with keys of another size or added ones")
        self.embed_dim, self.num_heads, self.batch_first = embed_dim, num_heads, batch_first
        self.head_dim = embed_dim // num_heads
        self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, dtype=dtype))
        if bias:
            self.in_proj_bias = Parameter(empty(3 * embed_dim, dtype=dtype))
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, dtype=dtype)

    def _reset_parameters(self):
        pass

    def forward(self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                average_attn_weights=True, is_causal=False):
        if not self.batch_first:
            query, key, value = (it.transpose(0, 1) for it in (query, key, value))
        weights = self.in_proj_weight.chunk(3, 0)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3, 0)
        q, k, v = (
            F.linear(it, w, b).unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)
            for it, w, b in zip((query, key, value), weights, biases))
        scores = _kernels.matmul(q * self.head_dim ** -0.5, k.transpose(-1, -2))
        if attn_mask is not None:
            if attn_mask.ndim == 3:
                attn_mask = attn_mask.unflatten(0, (-1, self.num_heads))
            scores = scores.masked_fill(attn_mask, float("-inf")) if str(attn_mask.dtype) == "torch.bool" \
                else scores + attn_mask
        if key_padding_mask is not None:
            scores = scores.masked_fill(key_padding_mask[:, None, None, :], float("-inf"))
        scores = F.softmax(scores, -1)
        output = self.out_proj(_kernels.matmul(scores, v).transpose(1, 2).flatten(2))
        if not self.batch_first:
            output = output.transpose(0, 1)
        if not need_weights:
            return output, None
        return output, scores.mean(1) if average_attn_weights else scores
