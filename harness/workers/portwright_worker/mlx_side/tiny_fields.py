"""The sizes of tiny models, by the names that ports' args have for them."""

from __future__ import annotations

from typing import Any

HIDDEN, LAYERS, HEADS, KEY_HEADS, HEAD_DIM, VOCABULARY, INNER = 64, 4, 4, 2, 16, 128, 96

# What a field of this name is in every port that has it.
SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "model_dim", "dim", "block_dim"), HIDDEN),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers"),
                    LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), HEADS),
    **dict.fromkeys(("num_key_value_heads", "n_kv_heads", "num_attention_groups"), KEY_HEADS),
    "head_dim": HEAD_DIM, "vocab_size": VOCABULARY, "num_vocab": VOCABULARY,
    **dict.fromkeys(("intermediate_size", "n_inner", "ffn_hidden_size", "hidden_dim",
                     "ff_intermediate_size"), INNER),
    **dict.fromkeys(("moe_intermediate_size", "expert_ffn_hidden_size", "shared_expert_intermediate_size",
                     "moe_shared_expert_intermediate_size", "shared_intermediate_size",
                     "intermediate_size_mlp"), 32),
    **dict.fromkeys(("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"), 8),
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k", "moe_k",
                     "top_k_experts"), 2),
    **dict.fromkeys(("num_shared_experts", "n_shared_experts", "num_shared_expert",
                     "moe_num_shared_experts"), 1),
    "n_group": 1, "topk_group": 1, "num_expert_group": 1,
    **dict.fromkeys(("first_k_dense_replace", "num_dense_layers"), 1),
    "moe_layer_freq": 1, "decoder_sparse_step": 1, "mlp_only_layers": [],
    "q_lora_rank": 24, "kv_lora_rank": 32, "qk_rope_head_dim": 8, "qk_nope_head_dim": 16, "v_head_dim": 16,
    "index_head_dim": 16, "index_n_heads": 4, "index_topk": 8,
    **dict.fromkeys(("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "layernorm_epsilon",
                     "norm_eps", "norm_epsilon"), 1e-5),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "model_max_length"), 512),
    **dict.fromkeys(("rope_theta", "swa_rope_theta", "rotary_emb_base"), 10000.0),
    "partial_rotary_factor": 0.5, "rotary_pct": 0.5, "rotary_dim": 8,
    **dict.fromkeys(("sliding_window", "sliding_window_size", "window_size", "attention_window_size"), 8),
    "sliding_window_pattern": 2, "rope_scaling": None, "tie_word_embeddings": False,
    **dict.fromkeys(("attention_bias", "mlp_bias", "use_bias", "bias", "use_qkv_bias"), True),
    **dict.fromkeys(("norm_topk_prob", "use_qk_norm", "qk_norm", "use_conv_bias", "conv_bias"), True),
    "routed_scaling_factor": 1.5, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
    "hidden_act": "silu",
    **dict.fromkeys(("linear_num_value_heads",), 4), "linear_num_key_heads": 2,
    "linear_key_head_dim": 16, "linear_value_head_dim": 16, "linear_conv_kernel_dim": 4,
    "full_attention_interval": 2, "layer_group_size": 2,
    **dict.fromkeys(("ssm_state_size", "mamba_d_state", "state_size"), 16),
    **dict.fromkeys(("conv_kernel", "mamba_d_conv"), 4), "conv_L_cache": 3,
    "n_groups": 2, "mamba_n_groups": 2, "mamba_expand": 2,
    "embedding_multiplier": 2.0, "attention_multiplier": 0.25, "residual_multiplier": 0.5,
    "logits_scaling": 2.0, "scale_depth": 1.4, "scale_emb": 2.0, "dim_model_base": 32,
}

_MIXED = ["sliding_attention", "full_attention"] * 2
_LINEAR = ["linear_attention", "full_attention"] * 2
_CONV = ["conv", "full_attention"] * 2
_ROPE = {"rope_theta": 10000.0, "rope_type": "default"}
_YARN = {"rope_type": "yarn", "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128,
         "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0, "rope_theta": 10000.0}
_LONG = {"type": "longrope", "rope_type": "longrope", "original_max_position_embeddings": 128,
         "short_factor": [1.0 + it / 8 for it in range(4)], "long_factor": [1.5 + it / 4 for it in range(4)]}
_DELTA = {"num_heads": 4, "head_dim": 16, "short_conv_kernel_size": 4, "kda_layers": [1, 3],
          "full_attn_layers": [2, 4]}
_BLOCK = {"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 1.5}}

# What a port's fields are that the names do not tell.
PORTS: dict[str, dict[str, Any]] = {
    "afm7": {"num_kv_reuse_layers": 2, "num_kv_heads": 2, "hidden_dim": HIDDEN},
    "afmoe": {"layer_types": _MIXED},
    "apertus": {"post_norm": False},
    "baichuan_m1": {"sliding_window_layers": [1, 3], "conv_window": 2},
    "bailing_hybrid": {"group_norm_size": 2, "use_qkv_bias": False, "use_bias": False},
    "bailing_moe_linear": {"group_norm_size": 2, "moe_router_enable_expert_bias": True},
    "dbrx": {"ffn_config": {"ffn_hidden_size": 32, "moe_num_experts": 8, "moe_top_k": 2},
             "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0}},
    "deepseek_v2": {"rope_scaling": _YARN},
    "exaone4": {"sliding_window_pattern": "LG", "rope_scaling": None},
    "exaone_moe": {"layer_types": _MIXED, "is_moe_layer": [False, True, True, True]},
    "gear": {"layer_types": ["conv_mixer", "sliding_attention", "conv_mixer", "full_attention"]},
    "gemma3n.text": {
        "num_kv_shared_layers": 2, "vocab_size_per_layer_input": VOCABULARY, "rope_local_base_freq": 5000.0,
        "final_logit_softcapping": 30.0, "layer_types": _MIXED,
        "activation_sparsity_pattern": [0.9, 0.0, 0.0, 0.0], "hidden_size_per_layer_input": 16,
        "altup_num_inputs": 3, "altup_coef_clip": 120.0, "altup_correct_scale": True, "altup_active_idx": 0,
        "laurel_rank": 8, "intermediate_size": [INNER] * LAYERS},
    "gemma4_text": {
        "global_head_dim": 32, "vocab_size_per_layer_input": VOCABULARY, "num_kv_shared_layers": 2,
        "hidden_size_per_layer_input": 16, "layer_types": _MIXED, "use_double_wide_mlp": True},
    "glm_moe_dsa": {"rope_parameters": _ROPE},
    "gpt_bigcode": {"multi_query": True},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2, "mamba_n_heads": 8, "mamba_d_head": 16,
                         "mamba_proj_bias": True, "mamba_conv_bias": True},
    "hunyuan": {"use_mixed_mlp_moe": True, "use_cla": True, "cla_share_factor": 2,
                "rope_scaling": {"type": "dynamic", "factor": 2.0, "alpha": 8.0}},
    "jamba": {"attn_layer_offset": 1, "attn_layer_period": 2, "expert_layer_offset": 1,
              "expert_layer_period": 2},
    "kimi_k3.text": {
        "hidden_act": "situ", "activation_situ_beta": 1.5, "activation_situ_linear_beta": 1.2,
        "attn_res_block_size": 2, "linear_attn_config": _DELTA, "num_key_value_heads": HEADS,
        "mla_use_output_gate": True, "routed_expert_hidden_size": 32, "latent_moe_use_norm": True},
    "kimi_linear": {"linear_attn_config": _DELTA, "num_key_value_heads": HEADS},
    "lfm2": {"block_multiple_of": 16, "block_ffn_dim_multiplier": 1.0, "block_auto_adjust_ff_dim": True,
             "block_ff_dim": INNER, "layer_types": _CONV},
    "lfm2_moe": {"use_expert_bias": True, "layer_types": _CONV},
    "lille-130m": {"block_size": 512},
    "llama4.text": {"num_experts_per_tok": 1, "attention_chunk_size": 8, "interleave_moe_layer_step": 2},
    "llama4_text": {"no_rope_layers": [1, 1, 1, 0]},
    "longcat_flash": {"attention_method": "MLA", "zero_expert_type": "identity", "zero_expert_num": 2,
                      "mla_scale_q_lora": True, "mla_scale_kv_lora": True},
    "longcat_flash_ngram": {"zero_expert_type": "identity", "zero_expert_num": 2, "mla_scale_q_lora": True,
                            "mla_scale_kv_lora": True, "ngram_vocab_size_ratio": 4},
    "mamba": {"time_step_rank": 4, "intermediate_size": 128},
    "mamba2": {"time_step_limit": [0.001, 100.0], "time_step_rank": 4, "num_heads": 8,
               "intermediate_size": 128},
    "mellum": {"layer_types": _MIXED,
               "rope_parameters": {"full_attention": _ROPE, "sliding_attention": _ROPE}},
    "mimo_v2_flash": {
        "hybrid_layer_pattern": [0, 1, 0, 1], "moe_layer_freq": [0, 1, 1, 1], "head_dim": 24,
        "v_head_dim": 16, "swa_head_dim": 24, "swa_v_head_dim": 16, "swa_num_attention_heads": HEADS,
        "swa_num_key_value_heads": KEY_HEADS, "add_swa_attention_sink_bias": True,
        "add_full_attention_sink_bias": False, "partial_rotary_factor": 0.334},
    "minicpm3": {"rope_scaling": _LONG, "num_key_value_heads": HEADS},
    "minimax_m3_vl.text": {
        "dense_intermediate_size": INNER, "shared_intermediate_size": 32, "intermediate_size": 32,
        "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"], "index_head_dim": 16,
        "moe_layer_freq": [0, 1, 1, 1], "sparse_attention_freq": [0, 1, 0, 1], "index_n_heads": KEY_HEADS,
        "index_block_size": 4, "index_topk_blocks": 2},
    "ministral3": {"rope_parameters": {**_ROPE, "llama_4_scaling_beta": 0.1,
                                       "original_max_position_embeddings": 8},
                   "layer_types": _MIXED},
    "mistral4": {"rope_parameters": {**_YARN, "llama_4_scaling_beta": 0.1}},
    "muse_spark.text": {
        "layer_types": _MIXED, "layer_rope_theta": [10000.0, 0.0] * 2, "rope_parameters": _ROPE,
        "post_norm_eps": 1e-5, "num_shared_experts": 0, "final_logit_softcapping": 30.0, "output_multiplier": 0.5,
        "moe_hidden_size": 32},
    "nemotron-nas": {"block_configs": [_BLOCK, {**_BLOCK, "ffn": {"replace_with_linear": True}},
                                       {**_BLOCK, "attention": {"no_op": True}},
                                       {**_BLOCK, "attention": {"replace_with_linear": True}}]},
    "nemotron_h": {"mamba_num_heads": 8, "mamba_head_dim": 16, "mamba_proj_bias": True,
                   "hybrid_override_pattern": ["M", "*", "E", "-"]},
    "olmo_hybrid": {"linear_allow_neg_eigval": True, "layer_types": _LINEAR, "linear_num_key_heads": 4},
    "openelm": {"ffn_dim_divisor": 16, "num_query_heads": [4, 4, 8, 8], "num_kv_heads": [2, 2, 4, 4],
                "ffn_multipliers": [1.0, 1.5, 2.0, 2.0]},
    "phi3small": {"dense_attention_every_n_layers": 2, "gegelu_limit": 20.0, "blocksparse_block_size": 32,
                  # It rules out ids of its own tokenizer, wherever they lie.
                  "vocab_size": 100352},
    "plamo": {"n_shared_head": 2},
    "qwen": {"kv_channels": HEAD_DIM},
    "qwen3_5.text": {"rope_parameters": {"type": "default", "mrope_section": [1, 1, 2],
                                         "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
                     "num_experts": 0},
    "recurrent_gemma": {"conv1d_width": 4, "logits_soft_cap": 30.0, "num_key_value_heads": 1,
                        "block_types": ["recurrent", "attention"]},
    "rwkv7": {"a_low_rank_dim": 8, "v_low_rank_dim": 8, "gate_low_rank_dim": 8, "decay_low_rank_dim": 8},
    "spark2_5": {"hidden_act": "gelu", "rope_parameters": {"full_attention": _ROPE, "sliding_attention": _ROPE}},
}

# Ports of several models: the port of the text model, and the class of its args.
TEXT: dict[str, tuple[str, str]] = {
    "gemma3": ("gemma3_text", "ModelArgs"), "gemma3n": ("gemma3n", "TextConfig"),
    "gemma4": ("gemma4_text", "ModelArgs"), "kimi_k25": ("deepseek_v3", "ModelArgs"),
    "kimi_k3": ("kimi_k3", "TextArgs"), "kimi_vl": ("kimi_vl", "TextArgs"),
    "lfm2-vl": ("lfm2", "ModelArgs"), "llama4": ("llama4", "TextArgs"),
    "minimax_m3_vl": ("minimax_m3_vl", "TextArgs"), "mistral3": ("ministral3", "ModelArgs"),
    "muse_spark": ("muse_spark", "TextArgs"), "pixtral": ("llama", "ModelArgs"),
    "prism_hadamard_qwen35": ("qwen3_5", "TextModelArgs"), "qwen2_vl": ("qwen2", "ModelArgs"),
    "qwen3_5": ("qwen3_5", "TextModelArgs"), "qwen3_5_moe": ("qwen3_5", "TextModelArgs"),
    "qwen3_vl": ("qwen3", "ModelArgs"), "qwen3_vl_moe": ("qwen3_moe", "ModelArgs"),
}

# Parameters that stay above zero.
POSITIVE = ("A_log", "dt_bias")
