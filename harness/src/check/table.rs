//! The table of every check.

use super::{
    Check, Group, alone, config, dtype, formats, generation, logits, positions, quantised,
    rewritten, state, taps, variations, weights,
};
use crate::{
    case::{Regime, StateWay},
    need::Need,
};

macro_rules! check {
    ($id:literal, $group:ident, $gate:literal, $needs:expr, $summary:literal, $run:expr) => {
        check!($id, $group, $gate, $needs, $summary, $run, &Regime::ALL)
    };
    ($id:literal, $group:ident, $gate:literal, $needs:expr, $summary:literal, $run:expr, $regimes:expr) => {
        Check {
            id: $id,
            group: Group::$group,
            summary: $summary,
            gate: $gate,
            regimes: $regimes,
            by_default: true,
            docs: include_str!(concat!("docs/", $id, ".md")),
            needs: $needs,
            run: $run,
        }
    };
}

/// What the plain forward's logits are judged by.
const PLAIN: &[Need] = &[Need::Reference, Need::Logits];

/// Where a float is rounded to its dtype: where every float has 64 bits, a format shows nothing.
const ROUNDED: &[Regime] = &[Regime::Logic, Regime::Native];

/// What other configs of a model that is right are judged by.
const VARIED: &[Need] = &[Need::Reference, Need::Logits, Need::Variations];

/// Every check, in the order of the report: causes before symptoms.
///
/// The command line, the MCP tools, the report and the docs read this table.
pub const CHECKS: &[Check] = &[
    check!(
        "weights-loaded",
        Weights,
        true,
        &[Need::Reference, Need::Judged, Need::Logits],
        "Every tensor of the checkpoint arrives in the port",
        weights::loaded
    ),
    check!(
        "weights-roundtrip",
        Weights,
        true,
        &[Need::Roundtrip],
        "Saving and loading a converted checkpoint changes nothing",
        weights::roundtrip
    ),
    check!(
        "weights-tied",
        Weights,
        true,
        &[Need::Reference, Need::Retied],
        "tie_word_embeddings is honoured both ways",
        weights::tied
    ),
    check!(
        "weights-stray",
        Weights,
        true,
        &[Need::Reference, Need::Stray],
        "Tensors that published checkpoints hold beside the model's change nothing",
        rewritten::stray
    ),
    check!(
        "weights-names",
        Weights,
        false,
        &[Need::Reference, Need::AsBuilt],
        "The names that the definition's class builds load as the published ones do",
        rewritten::names
    ),
    check!(
        "weights-fp8",
        Weights,
        true,
        &[Need::Fp8],
        "With its weights in fp8, as it is published so, the port is the same model",
        rewritten::fp8,
        &[Regime::Logic]
    ),
    check!(
        "weights-cast",
        Weights,
        true,
        &[Need::Reference, Need::Dtypes, Need::Cast],
        "Converted to bfloat16 by its own library, the port is the definition in bfloat16",
        formats::cast,
        ROUNDED
    ),
    check!(
        "config-loads",
        Config,
        true,
        &[Need::Judged],
        "The port builds from config.json",
        config::loads
    ),
    check!(
        "config-fields",
        Config,
        true,
        &[Need::Reference, Need::Judged, Need::Logits, Need::Fields],
        "No field that changes the model is dropped",
        config::fields
    ),
    check!(
        "config-spellings",
        Config,
        false,
        &[Need::Reference, Need::OtherSpelling],
        "Both spellings of the RoPE settings mean the same",
        config::spellings
    ),
    check!(
        "variations-fields",
        Variations,
        true,
        VARIED,
        "With other values in its config the port is still the same model",
        variations::fields
    ),
    check!(
        "variations-defaults",
        Variations,
        true,
        VARIED,
        "What config.json leaves out has the definition's default",
        variations::defaults
    ),
    check!(
        "rope-tables",
        Positions,
        true,
        &[Need::Rotations],
        "Each layer rotates by the reference's angles",
        positions::tables
    ),
    check!(
        "dtype-stream",
        Dtype,
        true,
        &[Need::Dtypes],
        "No layer's output is wider than the reference's in bfloat16",
        dtype::stream
    ),
    check!(
        "logits-differences",
        Logits,
        true,
        PLAIN,
        "Logits differ by no more than noise",
        logits::differences
    ),
    check!(
        "logits-distribution",
        Logits,
        true,
        PLAIN,
        "The predicted distributions are the same at every position",
        logits::distribution
    ),
    check!(
        "logits-top-k",
        Logits,
        true,
        PLAIN,
        "The best tokens are the same but for ties",
        logits::top_k
    ),
    check!(
        "logits-float16",
        Logits,
        true,
        &[Need::Reference, Need::Float16],
        "In float16 the port neither overflows nor errs more than the definition",
        formats::float16,
        ROUNDED
    ),
    check!(
        "taps-agree",
        Taps,
        true,
        &[Need::Reference, Need::Judged, Need::Logits, Need::Taps],
        "Every decoder layer's output matches the reference's",
        taps::agree
    ),
    check!(
        "layers-alone",
        Taps,
        true,
        &[Need::Reference, Need::Judged, Need::Logits, Need::Alone],
        "Every decoder layer makes of the reference's own input what the reference makes of it",
        alone::agree,
        &[Regime::Native]
    ),
    check!(
        "state-decode",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Decode)],
        "Prefill and decode give what one forward gives",
        |it| { state::case(it, StateWay::Decode) }
    ),
    check!(
        "state-chunked",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Chunked)],
        "A prompt in chunks gives what one forward gives",
        |it| { state::case(it, StateWay::Chunked) }
    ),
    check!(
        "state-window",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Window)],
        "Decoding past the sliding window gives what one forward gives",
        |it| state::case(it, StateWay::Window)
    ),
    check!(
        "state-left-padded",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::LeftPadded)],
        "A left-padded batch gives what each row gives alone",
        |it| state::case(it, StateWay::LeftPadded)
    ),
    check!(
        "state-right-padded",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::RightPadded)],
        "A right-padded batch gives what each row gives alone",
        |it| state::case(it, StateWay::RightPadded)
    ),
    check!(
        "state-trim",
        State,
        true,
        &[Need::Reference, Need::State(StateWay::Trim)],
        "A trimmed and refilled cache gives what it gave before",
        |it| state::case(it, StateWay::Trim)
    ),
    check!(
        "state-kept",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Kept)],
        "A cache that is saved, loaded and copied goes on as it would have",
        |it| state::case(it, StateWay::Kept)
    ),
    check!(
        "state-joined",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Joined)],
        "Rows that join and leave a batch while they are decoded give what each gives alone",
        |it| state::case(it, StateWay::Joined)
    ),
    check!(
        "state-short",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::State(StateWay::Short)],
        "A short prompt gives what the definition makes of it",
        |it| state::case(it, StateWay::Short)
    ),
    check!(
        "state-embeddings",
        State,
        true,
        &[Need::Reference, Need::State(StateWay::Embedded)],
        "Fed the rows of its embedding, the port gives what it gives for the tokens",
        |it| state::case(it, StateWay::Embedded)
    ),
    check!(
        "state-sharded",
        State,
        true,
        &[Need::Reference, Need::Sharded],
        "Shared by two ranks, the port is the same model",
        formats::sharded
    )
    .where_named(),
    check!(
        "state-prompt",
        State,
        true,
        &[Need::Reference, Need::Itself, Need::Prompt],
        "A prompt of 300 tokens, in one call and in chunks, gives what one forward gives",
        state::prompt
    ),
    check!(
        "greedy-ids",
        Generation,
        true,
        &[Need::Reference, Need::Itself, Need::Generation],
        "Greedy decoding yields the same tokens but for ties",
        generation::greedy
    ),
    check!(
        "generation-long",
        Generation,
        true,
        &[Need::Reference, Need::Itself, Need::Long],
        "Along a long text the predictions neither diverge nor drift",
        generation::long
    ),
    check!(
        "quantised-logits",
        Quantised,
        true,
        &[Need::Reference, Need::Logits, Need::Quantised],
        "Quantised, the port loses no more than the definition's own weights would",
        quantised::logits
    ),
    check!(
        "quantised-cache",
        Quantised,
        true,
        &[Need::Reference, Need::PackedCache],
        "With keys and values quantised, the port loses no more than the definition would",
        formats::packed_cache
    ),
];
