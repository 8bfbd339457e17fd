"""Two layers of attention and a gated product, with switches that plant what the tests look for.

Shapes: `B` batch, `T` positions, `H` hidden, `I` intermediate, `V` vocabulary.
"""

import torch
from torch import nn


class Config:
    sub_configs = {}

    def __init__(self, plant=None, other_order=False):
        self.vocab_size, self.hidden_size, self.intermediate_size = 40, 16, 24
        self.num_hidden_layers, self.rms_norm_eps = 2, 1e-6
        self.never_read = 7
        self.plant, self.other_order = plant, other_order


class Norm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.eps, self.upcast = config.rms_norm_eps, config.plant == "upcast"
        self.other_order = config.other_order

    def forward(self, x):
        wide = x.to(torch.float32)
        squares = wide.pow(2)
        mean = squares.mean(-1, keepdim=True)
        if self.other_order:
            mean = squares.flip(-1).cumsum(-1)[..., -1:] / x.shape[-1]
        wide = wide * torch.rsqrt(mean + self.eps)
        return self.weight * (wide if self.upcast else wide.to(x.dtype))


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.scale, self.other_order = config.hidden_size**-0.5, config.other_order

    def forward(self, x):
        query, key, value = self.qkv_proj(x.to(self.qkv_proj.weight.dtype)).chunk(3, dim=-1)
        length = x.shape[1]
        hidden = torch.ones(length, length, dtype=torch.bool).triu(1)
        if self.other_order:
            scores = (query * self.scale) @ key.transpose(1, 2)
            weights = scores.masked_fill(hidden, -torch.inf).exp()
            return (weights @ value) / weights.sum(-1, keepdim=True)
        scores = query @ key.transpose(1, 2) * self.scale
        return scores.masked_fill(hidden, -torch.inf).softmax(-1) @ value


class Mlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.plant, self.other_order = config.plant, config.other_order

    def forward(self, x):
        hidden = torch.nn.functional.silu(self.gate_proj(x.to(self.gate_proj.weight.dtype)))
        if self.plant == "bug":
            hidden = hidden * 1.0001
        if self.plant == "function":
            hidden = hidden + torch.nn.functional.absent_function(hidden)
        if self.plant == "method":
            hidden = hidden.absent_method(3)
        if self.plant == "file":
            from .absent_file import something
        if self.plant == "dtype":
            hidden = hidden.to(torch.float8_e4m3fn)
        if self.plant == "shapes":
            hidden = hidden @ hidden
        if self.other_order:
            half = hidden.shape[-1] // 2
            low, high = self.down_proj.weight[:, :half], self.down_proj.weight[:, half:]
            return hidden[..., half:] @ high.T + hidden[..., :half] @ low.T
        return self.down_proj(hidden)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_norm, self.attn = Norm(config), Attention(config)
        self.mlp_norm, self.mlp = Norm(config), Mlp(config)
        if config.plant == "idle":
            self.idle_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x):
        x = x + self.attn(self.input_norm(x))
        return x + self.mlp(self.mlp_norm(x))


class Tiny(nn.Module):
    """[B, T] -> [B, T, V]"""

    _supports_attention_backend = False
    _tp_plan = {"layers.*.mlp.gate_proj": "colwise"}
    all_tied_weights_keys = {"head.weight": "embed.weight"}

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        x = self.embed(tokens)
        for it in self.layers:
            x = it(x)
        return self.head(x)
