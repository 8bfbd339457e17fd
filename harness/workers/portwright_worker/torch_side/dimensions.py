"""What a tiny model's config fields should be: by what a field is called and what its default is.

Two kinds of rules. `SIZES` shrink: they hold for every config, a published one included. `VALUES`
make bugs visible: a constant that equals a port's default, a factor of 1 or a switched-off norm
proves nothing, so each gets another value. They apply when no published config is the base.
Fields that no rule knows keep the class's default. What generic rules cannot know about a type is
in `adjustments.py`.
"""

from __future__ import annotations

import re
from typing import Any

# The stream and a head of it. Neither is a square, nor is one computed from the other, so that a width
# or a scale that a port derives is not right by accident. Packing needs 64.
WIDTH, HEAD = 128, 24

# Field names (regular expressions, whole name) and what they become. The first match counts.
# No two widths are equal where the definition allows it, so that a transposed or swapped weight
# cannot fit by accident.
SIZES: list[tuple[str, Any]] = [
    (r"vocab_size|vocab_size_per_layer_input", 160),
    # a head that leaves out the rows that only fill the embedding up
    (r"unpadded_vocab_size", 152),
    (r"hidden_size|n_embd|d_model|hidden_dim|embed_dim|emb_dim|dim", WIDTH),
    (r"num_hidden_layers|n_layers?|num_layers", 4),
    (r"num_attention_heads|n_heads?|num_heads|encoder_attention_heads|decoder_attention_heads", 4),
    (r"num_key_value_heads|kv_n_heads|num_kv_heads", 2),
    (r"head_dim|attention_head_dim|kv_channels", HEAD),
    (r"global_head_dim", 32),
    (r"intermediate_size|ffn_hidden_size|n_inner|ffn_dim|ff_dim|dense_intermediate_size"
     r"|encoder_ffn_dim|decoder_ffn_dim|prefix_dense_intermediate_size", 192),
    (r"intermediate_size_mlp", 112),
    (r"moe_intermediate_size|expert_ffn_hidden_size|expert_intermediate_size|moe_ffn_hidden_size", 40),
    (r"shared_expert_intermediate_size|moe_shared_expert_intermediate_size"
     r"|shared_intermediate_size", 72),
    (r"max_position_embeddings|n_positions|max_seq_len|model_max_length|n_ctx|max_sequence_length", 512),
    (r"original_max_position_embeddings", 64),
    # attention with low-rank projections
    (r"kv_lora_rank", 44),
    (r"q_lora_rank", 52),
    (r"o_lora_rank", 20),
    (r"qk_rope_head_dim|rope_head_dim", 8),
    (r"qk_nope_head_dim|nope_head_dim", 20),
    (r"qk_head_dim", 28),
    (r"v_head_dim", 12),
    (r"index_topk|indexer_topk", 6),
    (r"index_head_dim", 16),
    # With few heads all scores of a key can be cut to zero at once: ties, so an arbitrary top-k.
    (r"index_n_heads|index_num_heads", 16),
    (r"rotary_dim", 8),
    # experts
    (r"num_experts|num_local_experts|n_routed_experts|moe_num_experts|num_routed_experts", 4),
    (r"num_experts_per_tok(en)?|moe_topk|moe_k|top_k_experts|moe_top_k|router_top_k", 2),
    (r"zero_expert_num", 2),
    (r"n_group|num_expert_group", 2),
    (r"topk_group", 1),
    # windows
    (r"sliding_window|attention_window_size|attention_chunk_size|local_attention|window_size"
     r"|attention_window", 8),
    (r"floor_scale", 16),
    # recurrent blocks
    (r"state_size|ssm_state_size|mamba_d_state", 8),
    (r"mamba_d_ssm", 2 * WIDTH),
    (r"mamba_n_heads|mamba_num_heads|n_mamba_heads", 2 * WIDTH // 16),
    (r"mamba_d_head|mamba_head_dim|mamba_headdim", 16),
    (r"n_groups|mamba_n_groups|mamba_ngroups", 2),
    (r"mamba_dt_rank|time_step_rank", 5),
    (r"chunk_size|mamba_chunk_size|block_size|mlstm_chunk_size", 16),
    (r"lru_width", 80),
    (r"linear_num_key_heads", 2),
    (r"linear_num_value_heads|linear_num_heads", 4),
    (r"linear_key_head_dim|linear_head_dim", 12),
    (r"linear_value_head_dim", 20),
    # per-layer inputs and extra streams
    (r"hidden_size_per_layer_input", 8),
    (r"laurel_rank", 12),
    (r"altup_num_inputs", 3),
    (r"block_multiple_of", 8),
    (r"dim_model_base", 48),
    (r"hidden_size_global", WIDTH),
    (r"encoder_hash_byte_group_vocab", 512),
    (r"(entity|shape|pronunciation)_vocab_size", 160),
    # whole sub-models that a text port never reaches
    (r"num_mel_bins|image_size", 32),
    (r"patch_size", 16),
]

# Chosen when the class's default is of the same kind; `None` and absent stay as they are.
VALUES: list[tuple[str, Any]] = [
    (r"rms_norm_eps|layer_norm_eps|norm_eps|norm_epsilon|layer_norm_epsilon|mixer_rms_eps", 3e-5),
    (r"is_decoder", True),
    (r"use_qk_norm|qk_layernorm|qk_norm", True),
    (r"first_k_dense_replace|num_dense_layers|moe_layer_start_index", 1),
    (r"mlp_only_layers", [1]),
    (r"query_pre_attn_scalar", 20),
    (r"logit_scale", 0.75),
    (r"logits_scaling", 1.25),
    (r"embedding_multiplier", 1.3),
    (r"residual_multiplier", 0.8),
    (r"attention_multiplier", 0.3),
    (r"scale_emb", 3),
    (r"scale_depth", 1.1),
    (r"attention_value_scale", 0.6),
    (r"routed_scaling_factor|route_scale|moe_routed_scaling_factor", 1.7),
    (r"final_logit_softcapping|logits_soft_cap", 5.0),
    (r"attn_logit_softcapping", 3.0),
    (r"swiglu_limit", 2.0),
    (r"attn_scale", 0.3),
    (r"lm_head_multiplier", 1.2),
    (r"key_multiplier", 0.9),
    (r"attention_in_multiplier", 1.1),
    (r"attention_out_multiplier", 0.85),
    (r"ssm_in_multiplier", 1.15),
    (r"ssm_out_multiplier", 0.95),
    (r"mlp_multipliers", [0.9, 1.2]),
    (r"ssm_multipliers", [0.9, 1.1, 1.2, 0.8, 1.05]),
    (r"full_attn_alpha_factor|linear_attn_alpha_factor|mlp_alpha_factor", 1.2),
    (r"full_attn_beta_factor|linear_attn_beta_factor|mlp_beta_factor", 0.9),
    # Another upper end than infinity, yet one that is not reached: the definitions' own decoding
    # without kernels ignores the limit, so a limit in effect makes them disagree with themselves.
    (r"time_step_limit", [0.0, 100.0]),
    (r"attn_layer_period", 4),
    (r"attn_layer_offset", 2),
    (r"global_attn_every_n_layers|sliding_window_pattern|no_rope_layer_interval|layer_group_size", 3),
    (r"interleave_moe_layer_step", 2),
]

THETA, LOCAL_THETA = 77_000.0, 25_000.0
MAX_LAYERS = 8

_SIZES = [(re.compile(pattern), value) for pattern, value in SIZES]
_VALUES = [(re.compile(pattern), value) for pattern, value in VALUES]


def _look_up(rules: list, name: str) -> Any:
    return next((value for pattern, value in rules if pattern.fullmatch(name)), None)


def size_of(name: str, default: Any, published: bool = False) -> Any:
    """The shrunk value of a field that is a size, or None for a field that is not.

    A zero is a switch, not a size; in a published config a one is as well (one group of experts,
    one key-value head, one expert a token).
    """
    if isinstance(default, bool) or not isinstance(default, (int, float)):
        return None
    if default == 0 or published and default == 1:
        return None
    return _look_up(_SIZES, name)


def value_of(name: str, default: Any) -> Any:
    """The telling value of a field that is a constant or a switch, or None."""
    value = _look_up(_VALUES, name)
    if value is None or default is None:
        return None
    if isinstance(value, bool) != isinstance(default, bool):
        return None
    return value


def rope_of(parameters: Any) -> Any:
    """The class's default RoPE parameters with another theta, another partial factor, real scaling."""
    if not isinstance(parameters, dict) or not parameters:
        return parameters
    nested = {key: it for key, it in parameters.items() if isinstance(it, dict)}
    if nested:
        thetas = {key: LOCAL_THETA if "sliding" in key or "local" in key else THETA for key in nested}
        return {key: (_flat_rope(nested[key], thetas[key]) if key in nested else it)
                for key, it in parameters.items()}
    return _flat_rope(parameters, THETA)


def _flat_rope(parameters: dict, theta: float) -> dict:
    result = dict(parameters)
    if "rope_theta" in result:
        result["rope_theta"] = theta
    factor = result.get("partial_rotary_factor")
    if factor is not None and factor != 1.0:
        result["partial_rotary_factor"] = 0.75 if factor == 0.5 else 0.5
    return shrunk_scaling(result)


def shrunk_scaling(parameters: dict, head_dim: int = HEAD) -> dict:
    """A scaled RoPE whose switch lies inside the tiny model's 512 positions."""
    result = dict(parameters)
    if result.get("original_max_position_embeddings"):
        result["original_max_position_embeddings"] = 64
        if isinstance(result.get("factor"), (int, float)):
            result["factor"] = 8.0
    if "max_position_embeddings" in result:
        result["max_position_embeddings"] = 512
    for name in ("short_factor", "long_factor"):
        if isinstance(result.get(name), list):
            factors = result[name]
            rotary = int(head_dim * result.get("partial_rotary_factor", 1.0)) // 2
            result[name] = [factors[it * len(factors) // rotary] for it in range(rotary)]
    return result
