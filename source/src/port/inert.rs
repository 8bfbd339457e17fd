//! What a definition says that no forward pass in inference sees. Whatever is not in these tables counts.

use ruff_python_ast::{Decorator, Expr, Keyword, Stmt};
use ruff_text_size::Ranged;

use crate::text::Source;

/// Attributes of a model's or a config's class that steer saving, placing, splitting and training.
const ATTRIBUTES: &[&str] = &[
    "_auto_class",
    "_can_compile_fullgraph",
    "_can_record_outputs",
    "_fsdp_plan",
    "_input_embed_layer",
    "_is_stateful",
    "_no_split_modules",
    "_pp_plan",
    "_skip_keys_device_placement",
    "_tp_plan",
    "base_config_key",
    "base_model_ep_plan",
    "base_model_fsdp_plan",
    "base_model_pp_plan",
    "base_model_tp_plan",
    "config",
    "config_class",
    "keys_to_ignore_at_inference",
    "model_type",
    "supports_gradient_checkpointing",
];
const ATTRIBUTE_PREFIXES: &[&str] = &["_supports_", "_keep_in_fp32"];

/// Methods that no forward pass calls.
const METHODS: &[&str] = &[
    "_init_weights",
    "extra_repr",
    "get_input_embeddings",
    "get_output_embeddings",
    "resize_token_embeddings",
    "set_input_embeddings",
    "set_output_embeddings",
    "validate_architecture",
    "validate_layer_type",
    "validate_token_ids",
];

/// Decorators that document, record, check or replace by a kernel that computes the same.
const DECORATORS: &[&str] = &[
    "auto_docstring",
    "can_return_tuple",
    "capture_outputs",
    "check_model_inputs",
    "deprecate_kwarg",
    "merge_with_config_defaults",
    "no_grad",
    "strict",
    "use_experts_implementation",
    "use_kernel_forward_from_hub",
    "use_kernel_func_from_hub",
    "use_kernelized_func",
];

/// Config fields that no forward pass in inference depends on.
const FIELDS: &[&str] = &[
    "_attn_implementation",
    "_experts_implementation",
    "bos_token_id",
    "chunk_size_feed_forward",
    "eos_token_id",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "keys_to_ignore_at_inference",
    "model_type",
    "num_labels",
    "output_attentions",
    "output_hidden_states",
    "output_router_logits",
    "pad_token_id",
    "pretraining_tp",
    "problem_type",
    "return_dict",
    "router_aux_loss_coef",
    "router_jitter_noise",
    "summary_type",
    "use_cache",
    "use_return_dict",
];

pub(super) fn attribute(name: &str) -> bool {
    ATTRIBUTES.contains(&name) || ATTRIBUTE_PREFIXES.iter().any(|it| name.starts_with(it))
}

pub(super) fn method(name: &str) -> bool {
    METHODS.contains(&name)
}

pub(super) fn field(name: &str) -> bool {
    FIELDS.contains(&name) || is_dropout(name)
}

pub(super) fn decorator(decorator: &Decorator) -> bool {
    let mut expr = &decorator.expression;
    if let Expr::Call(call) = expr {
        expr = &call.func;
    }
    let name = match expr {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    DECORATORS.contains(&name)
}

/// `dropout=...` of a call.
pub(super) fn keyword(keyword: &Keyword) -> bool {
    keyword.arg.as_ref().is_some_and(|it| it == "dropout")
}

/// Whether a statement says nothing:
///
/// ```python
/// """A docstring."""
/// self.post_init()
/// logger.warning_once("...")
/// self.gradient_checkpointing = False
/// self.attention_dropout = config.attention_dropout
/// x = nn.functional.dropout(x, p=self.dropout, training=self.training)
/// loss = None
/// if labels is not None: ...
/// ```
pub(super) fn statement(source: &Source, stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Expr(expr) => match &*expr.value {
            Expr::StringLiteral(_) => true,
            Expr::Call(call) => {
                let callee = source.slice(call.func.range());
                callee == "self.post_init" || callee.starts_with("logger.")
            }
            _ => false,
        },
        Stmt::Assign(assign) => {
            let [target] = assign.targets.as_slice() else { return false };
            let target = source.slice(target.range());
            let is_own = target.strip_prefix("self.").is_some_and(|name| {
                name == "gradient_checkpointing" || (is_dropout(name) && !name.contains('.'))
            });
            let value = source.slice(assign.value.range());
            is_own
                || (target == "loss" && value == "None")
                || drops_out(source, target, &assign.value)
        }
        Stmt::If(branch) => {
            let test = source.slice(branch.test.range());
            test == "labels is not None" && branch.elif_else_clauses.is_empty()
        }
        _ => false,
    }
}

/// `x = dropout(x, ...)` under any of its names.
fn drops_out(source: &Source, target: &str, value: &Expr) -> bool {
    let Expr::Call(call) = value else { return false };
    let callee = source.slice(call.func.range());
    let last = callee.rsplit('.').next().unwrap_or(callee);
    let first = call.arguments.args.first().map(|it| source.slice(it.range()));
    is_dropout(last) && first == Some(target)
}

fn is_dropout(name: &str) -> bool {
    name == "dropout"
        || name.ends_with("_dropout")
        || name.ends_with("_pdrop")
        || name.starts_with("dropout_")
        || name == "resid_pdrop"
}
