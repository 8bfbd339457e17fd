"""What generic rules cannot know about a model type: one row a type, each with its reason.

`fields` go into the (text) config on top of the generic rules; `KEEP` as a value removes the
generic choice, so that the class decides. `extra` are keys that published config.json files of
the type carry and that the class does not write back, `omit` those that it writes and published
files do not have, `publish_as` the aliases (of the class's `attribute_map`) under which published
files write a field. `rename` turns the names of a text-only model's weights into those of the
published multimodal checkpoint (regular expression, replacement, and, where only some layers are
meant, what the name becomes for a weight that those have). `layer_words` is what published
files call the kinds of layers, `unused` the weights that they hold for layers whose keys and values
are another layer's. `as_built` keeps the names that
the class itself gives its weights, for types whose published checkpoints never had the older names
that the library writes; `split` then cuts a weight into the parts that are published (the ending of
its name; each part's, with the weight beside it that has as many rows). `architecture` is the class
that published files name where it is not the library's. `new_spelling_only` marks
types that came out after transformers 5: no published config.json has the older RoPE fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .dimensions import HEAD, WIDTH

KEEP = object()


@dataclass(frozen=True)
class Adjustment:
    """One type's row."""

    why: str
    fields: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    omit: tuple[str, ...] = ()
    publish_as: tuple[str, ...] = ()
    rename: tuple[tuple[str, ...], ...] = ()
    layer_words: dict[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    as_built: bool = False
    split: tuple[str, dict[str, str]] | None = None
    architecture: str | None = None
    new_spelling_only: bool = False


_GEMMA3N = {
    "num_hidden_layers": 6, "num_kv_shared_layers": 2,
    "layer_types": ["sliding_attention", "sliding_attention", "full_attention"] * 2,
    "activation_sparsity_pattern": [0.9, 0.9, 0.9, 0.0, 0.0, 0.0], "intermediate_size": [192] * 6}
_YARN = {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64,
         "beta_fast": 32.0, "beta_slow": 1.0, "rope_theta": 77_000.0}

ADJUSTMENTS: dict[str, Adjustment] = {
    "afmoe": Adjustment("published checkpoints scale their embeddings", {"mup_enabled": True}),
    "apertus": Adjustment("published fields that the class does not know", extra={
        "mlp_bias": False, "post_norm": False, "qk_norm": True}),
    "bailing_hybrid": Adjustment(
        "the class overwrites head_dim, from which it reads the width of its linear heads", {
        "head_dim": HEAD}, extra={
        "head_dim": HEAD, "score_function": "sigmoid", "rope_interleave": True, "q_lora_rank": None,
        "no_kda_lora": True, "moe_router_enable_expert_bias": True,
        "moe_shared_expert_intermediate_size": 40},
        publish_as=("num_experts_per_tok", "n_group", "max_position_embeddings", "norm_topk_prob"),
        # The library's way back names the output of both kinds of attention alike.
        rename=((r"\.dense\.weight$", ".o_proj.weight", ".A_log"),),
        architecture="BailingMoeV3ForCausalLM"),
    "cohere_compass_text": Adjustment("published checkpoints have a table for each kind of layer", {
        "layer_types": ["sliding_attention", "full_attention"] * 2, "sliding_window": 8,
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 77_000.0,
                                               "mrope_section": [2, 3, 3]},
                            "sliding_attention": {"rope_type": "default", "rope_theta": 25_000.0,
                                                  "mrope_section": [2, 3, 3]}}}),
    "dbrx": Adjustment("published checkpoints clip and choose four experts", {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 1.5, "rope_theta": 77_000.0},
        "ffn_config": {"hidden_size": WIDTH, "ffn_hidden_size": 40, "moe_num_experts": 4,
                       "moe_top_k": 2, "ffn_act_fn": {"name": "silu"}}}),
    "deepseek_v2": Adjustment("the published large model chooses within groups; all have this scaling", {
        "topk_method": "group_limited_greedy", "n_group": 2, "topk_group": 1,
        "num_experts_per_tok": 2,
        "rope_parameters": {**_YARN, "mscale": 0.707, "mscale_all_dim": 0.707}}, extra={
        "moe_layer_freq": 1, "scoring_func": "softmax"}),
    "dots1": Adjustment("the class leaves the numbers of experts open", {
        "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
        "sliding_window": None}),
    "exaone": Adjustment("published with the fields of the code that came with the checkpoints", publish_as=(
        "num_layers", "layer_norm_epsilon", "activation_function")),
    "exaone4": Adjustment("the published large model says its pattern in letters; all have this scaling", {
        "layer_types": (["sliding_attention"] * 3 + ["full_attention"]) * 2,
        "sliding_window_pattern": "LLLG",
        "rope_parameters": {"rope_type": "llama3", "rope_theta": 77_000.0, "factor": 16.0,
                            "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                            "original_max_position_embeddings": 64}}, extra={"head_dim": WIDTH // 4}),
    "exaone_moe": Adjustment("published fields that the class does not know", extra={
        "head_dim": WIDTH // 4, "is_moe_layer": [False, True, True, True, True, True],
        "scoring_func": "sigmoid", "topk_method": "noaux_tc"}),
    "falcon_h1": Adjustment("published fields that the class does not know", extra={"head_dim": WIDTH // 4}),
    "gemma3n": Adjustment("published as a multimodal model", _GEMMA3N, rename=((r"^model\.", "model.language_model."),),
                          unused=("self_attn.k_proj", "self_attn.v_proj", "self_attn.k_norm")),
    "gemma3n_text": Adjustment("shared keys and values, both kinds of layers, sparse and dense", _GEMMA3N),
    "gemma4": Adjustment("as the published mixture of experts: keys that serve as values", {
        "num_hidden_layers": 6, "layer_types": ["sliding_attention", "sliding_attention",
                                                "full_attention"] * 2,
        "global_head_dim": 32, "num_global_key_value_heads": 1, "attention_k_eq_v": True,
        "enable_moe_block": True, "num_experts": 4, "top_k_experts": 2,
        "moe_intermediate_size": 40, "final_logit_softcapping": 5.0,
        "hidden_size_per_layer_input": 0},
        extra={"global_head_dim": 32, "num_global_key_value_heads": 1}, omit=("per_layer_config",)),
    "gemma4_text": Adjustment("as the published small ones: shared keys and values", {
        "num_hidden_layers": 6, "layer_types": ["sliding_attention", "sliding_attention",
                                                "full_attention"] * 2,
        "global_head_dim": 32, "num_kv_shared_layers": 2, "use_double_wide_mlp": True,
        "final_logit_softcapping": 5.0},
        extra={"global_head_dim": 32}, omit=("per_layer_config",)),
    "gemma4_unified": Adjustment("as published", {
        "num_hidden_layers": 6, "layer_types": ["sliding_attention", "sliding_attention",
                                                "full_attention"] * 2,
        "global_head_dim": 32, "num_global_key_value_heads": 1, "attention_k_eq_v": True,
        "final_logit_softcapping": 5.0},
        extra={"global_head_dim": 32, "num_global_key_value_heads": 1, "hidden_size_per_layer_input": 0,
               "enable_moe_block": False, "num_experts": None}, omit=("per_layer_config",)),
    "glm4_moe": Adjustment("published fields that the class does not know", extra={
        "head_dim": WIDTH // 4, "scoring_func": "sigmoid", "topk_method": "noaux_tc"}),
    "glm4_moe_lite": Adjustment("published configs say which layers are dense as a number",
                                extra={"first_k_dense_replace": 1}),
    "glm_moe_dsa": Adjustment(
        "the class makes the first three layers dense; later checkpoints share the choice of keys", {
        "mlp_layer_types": ["dense", "sparse", "sparse", "sparse"],
        "indexer_types": ["full", "full", "full", "shared"]}, extra={
        "topk_method": "noaux_tc", "scoring_func": "sigmoid", "moe_layer_freq": 1,
        "first_k_dense_replace": 1, "indexer_rope_interleave": True}, new_spelling_only=True),
    "gpt2": Adjustment("published without the prefix and with a field that the class does not know",
                       extra={"n_ctx": 512}, rename=((r"^transformer\.", ""),)),
    "gpt_bigcode": Adjustment("published configs say the width", {"n_inner": 192}),
    "gpt_neo": Adjustment("its pattern is written as a product", {
        "attention_types": [[["global", "local"], 2]], "num_layers": 4}),
    "gpt_neox": Adjustment("its blocks are called `h_to_4h`: four times the stream, always", {
        "intermediate_size": 4 * WIDTH}),
    "granitemoehybrid": Adjustment("the class's default has no attention layer", {
        "layer_types": ["linear_attention", "linear_attention", "full_attention",
                        "linear_attention", "full_attention"],
        "position_embedding_type": "rope"},
        layer_words={"linear_attention": "mamba", "full_attention": "attention"}),
    "hunyuan_v1_dense": Adjustment("published checkpoints have this scaling", {
        "head_dim": HEAD,
        "rope_parameters": {"rope_type": "dynamic", "alpha": 50.0, "factor": 1.0, "beta_fast": 32,
                            "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.0,
                            "rope_theta": 77_000.0}}),
    "kimi_linear": Adjustment("published configs say the kinds of layers by number", {
        "layer_types": ["linear_attention", "linear_attention", "full_attention",
                        "linear_attention", "full_attention"]}, extra={
        "linear_attn_config": {"kda_layers": [1, 2, 4], "full_attn_layers": [3, 5],
                               "num_heads": 4, "head_dim": 12, "short_conv_kernel_size": 4},
        "rope_theta": 10_000.0, "rope_scaling": None, "first_k_dense_replace": 1,
        "moe_layer_freq": 1, "mla_use_nope": True, "use_grouped_topk": True,
        "moe_router_activation_func": "sigmoid"},
        # The library's way back to the published names takes the dense layers along.
        rename=((r"\.block_sparse_moe\.((gate|up|down)_proj)\.", r".mlp.\1."),)),
    "laguna": Adjustment("published checkpoints mix the layer types", {
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention",
                        "full_attention"]}),
    "lfm2": Adjustment("the class's default has no convolution", {
        "layer_types": ["conv", "conv", "full_attention", "conv", "full_attention"]}, extra={
        "block_dim": WIDTH, "block_ff_dim": 192, "full_attn_idxs": [2, 4]}),
    "lfm2_moe": Adjustment("the class's default has no layer types", {
        "layer_types": ["conv", "conv", "full_attention", "conv", "full_attention"]}),
    "llama4": Adjustment("as published: one expert a token, each fourth layer without rotation", {
        "num_experts_per_tok": 1, "no_rope_layer_interval": KEEP},
                         rename=((r"^", "language_model."),)),
    "llama4_text": Adjustment(
        "as the published small ones: no experts, no tuning, a chunk as long as the context, tied", {
            "moe_layers": [], "attn_temperature_tuning": False, "attention_chunk_size": 512,
            "tie_word_embeddings": True}),
    "longcat_flash": Adjustment("published fields that the class does not know", extra={
        "attention_method": "MLA", "zero_expert_type": "identity", "mla_scale_q_lora": True,
        "mla_scale_kv_lora": True, "norm_topk_prob": False, "router_bias": False}),
    "mamba2": Adjustment("its heads are those of the expanded stream", {"num_heads": 2 * WIDTH // 16, "head_dim": 16},
                         extra={"intermediate_size": 2 * WIDTH}),
    "mellum": Adjustment("published checkpoints mix the layer types", {
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention",
                        "full_attention"]}, publish_as=("num_experts",)),
    "ministral3": Adjustment("published since transformers 5", new_spelling_only=True),
    "mimo_v2_flash": Adjustment("published configs say layer types by number; the window there counts the past only",
        {"layer_types": ["full_attention", "sliding_attention", "sliding_attention",
                         "full_attention", "sliding_attention", "sliding_attention"],
         "num_hidden_layers": 6},
        extra={"hybrid_layer_pattern": [0, 1, 1, 0, 1, 1], "moe_layer_freq": [0, 1, 1, 1, 1, 1],
               "add_swa_attention_sink_bias": True, "add_full_attention_sink_bias": False,
               "sliding_window_size": 7, "sliding_window": 7, "n_shared_experts": None,
               "topk_method": "noaux_tc", "scoring_func": "sigmoid", "layernorm_epsilon": 3e-5,
               "rope_theta": 77_000.0, "swa_rope_theta": 25_000.0, "partial_rotary_factor": 0.5,
               "swa_num_attention_heads": 4, "swa_num_key_value_heads": 4, "swa_head_dim": HEAD,
               "swa_v_head_dim": 12}),
    "minicpm3": Adjustment(
        "the published checkpoint has this scaling, in which short and long are the same, and values "
        "as wide as the stream leaves each head", {
        "v_head_dim": KEEP,
        "rope_parameters": {"rope_type": "longrope", "rope_theta": 77_000.0, "factor": 1.0,
                            "short_factor": [1.06, 1.9, 7.5, 16.5],
                            "long_factor": [1.06, 1.9, 7.5, 16.5],
                            "original_max_position_embeddings": 512}}),
    "minimax_m2": Adjustment("published fields that the class does not know", {
        "rope_parameters": {"rope_type": "default", "rope_theta": 77_000.0,
                            "partial_rotary_factor": 0.5}},
        extra={"rotary_dim": HEAD // 2, "shared_intermediate_size": 0, "scoring_func": "sigmoid",
               "use_qk_norm": True}),
    "nemotron_h": Adjustment("a pattern of all four kinds of blocks", {
        "layers_block_type": ["linear_attention", "moe", "full_attention", "mlp",
                              "linear_attention", "moe", "full_attention"],
        "num_hidden_layers": KEEP}),
    "olmo3": Adjustment("the old spelling has one theta, which the class gives to one layer type; "
                        "published checkpoints scale only the full-attention layers", {
        "rope_parameters": {
            "full_attention": {**_YARN, "rope_theta": 500_000.0, "attention_factor": 1.2079441541679836},
            "sliding_attention": {"rope_type": "default", "rope_theta": 500_000.0}}}),
    "olmo_hybrid": Adjustment(
        "published with the class's own names and a convolution each for query, key and value",
        as_built=True, split=(".conv1d.weight", {".q_conv1d.weight": ".q_proj.weight",
                                                 ".k_conv1d.weight": ".k_proj.weight",
                                                 ".v_conv1d.weight": ".v_proj.weight"}),
        new_spelling_only=True),
    "phi": Adjustment("no published checkpoint has the norm", {"qk_layernorm": KEEP}),
    "phi3": Adjustment("published checkpoints have a window", {"sliding_window": 8}),
    "phimoe": Adjustment("published checkpoints have biases, the small ones a window", {
        "attention_bias": True, "lm_head_bias": True, "sliding_window": 8}),
    "qwen2_moe": Adjustment("no published checkpoint has a dense layer", {"mlp_only_layers": KEEP}),
    "qwen3_5": Adjustment("published as a multimodal model, since transformers 5",
                          rename=((r"^model\.", "model.language_model."),), new_spelling_only=True),
    "qwen3_5_moe": Adjustment(
        "published as a multimodal model with its experts in one weight, since transformers 5",
        rename=((r"^model\.", "model.language_model."),), as_built=True, new_spelling_only=True),
    "qwen4_exp_text": Adjustment("the class leaves the indexer and the n-grams out", {
        "indexer_n_heads": 4, "indexer_kv_heads": 1, "indexer_head_dim": 32, "indexer_budget": 8,
        "indexer_compress_ratio": 2, "ple_layer_ids": [1], "heads_per_ngram": 2,
        "ngram_vocab_size_base": 200, "split_ngram_parts": 4, "hc_lowrank": 20,
        "eos_token_id": 2}),
    "qwen3_moe": Adjustment("published names", extra={"head_dim": WIDTH // 4}, publish_as=("num_experts",)),
    "recurrent_gemma": Adjustment("published checkpoints have one key-value head and a recurrence as wide as "
                                  "the stream", {"lru_width": WIDTH, "num_key_value_heads": 1}),
    "reformer": Adjustment("the class's own positions and buckets belong to 64 thousand tokens", {
        "axial_pos_embds_dim": [WIDTH // 4, WIDTH - WIDTH // 4], "axial_pos_shape": [8, 8], "attn_layers": ["local", "lsh"],
        "num_buckets": 4}),
    "solar_open": Adjustment("published fields that the class does not know", {
        "rope_parameters": {"rope_type": "default", "rope_theta": 77_000.0,
                            "partial_rotary_factor": 1.0}},
        extra={"intermediate_size": 192, "first_k_dense_replace": 0}),
    "starcoder2": Adjustment("published checkpoints have a window", {"sliding_window": 8}),
    "xmod": Adjustment("published checkpoints name their language", {"default_language": "en_XX"}),
    "zamba2": Adjustment("the class's default pattern has 54 layers", {
        "layers_block_type": ["linear_attention", "linear_attention", "hybrid",
                              "linear_attention", "hybrid"]}),
    "zaya": Adjustment("the definition takes one expert a token", {"num_experts_per_tok": 1}),
}


def adjustment_of(model_type: str, text_type: str = "") -> Adjustment:
    """The row of a type or of its text part, or an empty one."""
    row = ADJUSTMENTS.get(model_type) or ADJUSTMENTS.get(text_type)
    return row or Adjustment("nothing to adjust")
