"""A definition that the library does not have: attention with a slope instead of positions."""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.cache_utils import DynamicCache
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_toy import ToyConfig


class ToyAttention(nn.Module):
    """Every head looks back with a slope of its own."""

    def __init__(self, config, layer_idx):
        super().__init__()
        self.layer_idx = layer_idx
        self.heads = config.num_attention_heads
        self.size = config.hidden_size // self.heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x, past):
        batch, length, width = x.shape
        parts = self.qkv(x).view(batch, length, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        query, key, value = parts[0], parts[1], parts[2]  # [B, H, T, D]
        if past is not None:
            key, value = past.update(key, value, self.layer_idx)
        total = key.shape[2]
        here = torch.arange(total - length, total, device=x.device)[:, None]
        back = here - torch.arange(total, device=x.device)[None]  # [T, S]
        slopes = torch.arange(1, self.heads + 1, device=x.device).to(x.dtype)[:, None, None] / self.heads
        scores = query @ key.transpose(-1, -2) / self.size**0.5 - slopes * back
        scores = scores.masked_fill(back < 0, float("-inf"))
        mixed = scores.softmax(-1) @ value
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))


class ToyForCausalLM(PreTrainedModel, GenerationMixin):
    """Embeddings, attention with residuals, a head."""

    config_class = ToyConfig

    def __init__(self, config):
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([ToyAttention(config, idx) for idx in range(config.num_hidden_layers)])
        self.norm = nn.LayerNorm(config.hidden_size)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.embed

    def forward(self, input_ids, cache=None, use_cache=None, **kwargs):
        if use_cache and cache is None:
            cache = DynamicCache(config=self.config)
        x = self.embed(input_ids)  # [B, T, C]
        for layer in self.layers:
            x = x + layer(self.norm(x), cache)
        return CausalLMOutputWithPast(logits=self.head(self.norm(x)), cache=cache)
