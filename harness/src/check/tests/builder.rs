//! Answers of a right port, to be spoilt one at a time.

use serde_json::json;

use crate::{
    answers::{
        Alone, Answers, DtypePair, Fields, Fp8, Generation, Itself, Loaded, Long, LongPrompt,
        Narrow, OtherSpelling, PackedCache, Quantised, Reference, Retied, Rewritten, Rotations,
        Sharded, State, Step, Taps,
    },
    case::{CACHE_QUANTISATION, QUANTISATIONS, Regime, STATE_CASES},
    engine::{Opened, Pair, Roundtrip},
    measure::taps::TapFigure,
    need::Need,
    noise::Noise,
    tensors::Tensor,
    varied::{Defaults, Setting, Variations, Varied},
};

/// Positions and vocabulary of the tiny model.
const SHAPE: [usize; 2] = [4, 12];

/// The reference's logits, each moved by `by`, alternating.
pub(super) fn logits(by: f64) -> Tensor {
    let count = SHAPE[0] * SHAPE[1];
    let value =
        |it: usize| ((it * 7 % 13) as f64) / 3.0 + if it.is_multiple_of(2) { by } else { -by };
    Tensor { shape: SHAPE.to_vec(), values: (0..count).map(value).collect() }
}

/// What the reference errs against itself.
const NOISE: f64 = 1e-6;

pub(super) fn noise(name: &'static str) -> Noise {
    Noise::new(name, logits(0.0), logits(NOISE))
}

/// A model that opened and took everything.
fn opened() -> Opened {
    serde_json::from_value(json!({
        "args_used": ["hidden_size"], "args_ignored": [],
        "parameters": [{"name": "model.norm.weight", "shape": [4], "dtype": "float32"}],
    }))
    .unwrap()
}

/// A rotation of two frequencies at two positions.
pub(super) fn table(angle: f64) -> Tensor {
    let row = |angle: f64| [angle.cos(), angle.sin(), (angle / 2.0).cos(), (angle / 2.0).sin()];
    Tensor { shape: vec![2, 2, 2], values: [row(0.0), row(angle)].concat() }
}

/// A module that was paired, with an error of so many noise floors.
pub(super) fn tap(path: &str, floors: f64) -> TapFigure {
    TapFigure {
        reference: path.to_owned(),
        port: path.to_owned(),
        error: floors * NOISE,
        floor: NOISE,
        bound: 4.0 * NOISE,
        position: None,
        shape: SHAPE.to_vec(),
        reference_dtype: "float32".into(),
        port_dtype: "float32".into(),
        factor: None,
    }
}

/// A step of the first layer that errs by so many noise floors, where a layer that does nothing errs by `idle`.
pub(super) fn step(floors: f64, idle: f64) -> Alone {
    let layer = Some("model.layers.0".to_owned());
    Alone { steps: vec![Step { layer, figure: tap("model.layers.1:input", floors), idle }] }
}

/// The reference, as it was opened.
pub(super) fn reference(opened: Opened) -> Reference {
    let noise = vec![noise("precision"), noise("nudged")];
    Reference { opened, truth: logits(0.0), noise }
}

/// Everything answered as a right port answers it.
pub(super) fn right() -> Answers {
    let mut answers = Answers::new(Regime::Logic, Pair::native(), json!({}), None);
    answers.put_reference(Ok(reference(opened())));
    answers.put_judged(Ok(opened()));
    answers.put_logits(Ok(logits(NOISE)));
    let paths = ["model.layers.0", "model.layers.1", "model.norm"];
    let pairs = paths.iter().map(|it| tap(it, 1.0)).collect();
    answers.put_taps(Ok(Taps { pairs, ..Taps::default() }));
    answers.put_alone(Ok(step(1.0, 0.5)));
    for case in STATE_CASES {
        answers.put_state(case.way, Ok(State { rows: vec![(logits(0.0), logits(NOISE))] }));
    }
    answers.put_rotations(Ok(Rotations {
        positions: vec![0, 1],
        layers: vec![(0, table(1.0), table(1.0)), (1, table(1.0), table(1.0))],
        unpaired: Vec::new(),
    }));
    answers.put_dtypes(Ok(vec![dtypes("model.layers.0", "bfloat16")]));
    answers.put_roundtrip(Ok(Roundtrip { equal: true, differing: Vec::new() }));
    answers.put_retied(Ok(Retied { tied: true, reference: logits(0.0), port: logits(NOISE) }));
    answers.put_fields(Ok(Fields { read: vec!["hidden_size".into()], ..Fields::default() }));
    answers.put_generation(Ok(Generation {
        prompt: vec![4],
        no_words: None,
        reference: vec![5, 6, 7, 8],
        port: vec![5, 6, 7, 8],
        reference_logits: logits(0.0),
        text: None,
    }));
    answers.put_long(Ok(Long {
        reference_text: vec![5, 6, 7, 8],
        port_text: vec![5, 6, 7, 8],
        noise: noise("along the text"),
        port: logits(NOISE),
    }));
    let fed = crate::case::PROMPT_CASES.iter().map(|it| (it.says, logits(NOISE))).collect();
    answers.put_prompt(Ok(LongPrompt { noise: noise("along the prompt"), fed }));
    let agrees = || State { rows: vec![(logits(0.0), logits(0.0))] };
    answers.put_itself(Ok(Itself {
        ways: STATE_CASES.iter().map(|it| (it.way, Ok(agrees()))).collect(),
        prompts: crate::case::PROMPT_CASES.iter().map(|it| (it.says, Ok(agrees()))).collect(),
        text: Ok(agrees()),
    }));
    let rounded = |by| Quantised { by, layers: 3, reference: logits(0.01), port: logits(0.01) };
    answers.put_quantised(Ok(QUANTISATIONS.map(rounded).into()));
    for need in [Need::Stray, Need::AsBuilt] {
        answers.put_rewritten(need, Ok(rewritten(Loaded::Logits(logits(NOISE)))));
    }
    answers.put_fp8(Ok(fp8([Loaded::Logits(logits(NOISE)), refused()])));
    answers.put_float16(Ok(narrow(logits(0.01))));
    answers.put_cast(Ok(narrow(logits(0.01))));
    answers.put_packed_cache(Ok(packed_cache(logits(0.01))));
    answers.put_sharded(Ok(Sharded { logits: logits(NOISE), share: 0.6 }));
    answers.put_other_spelling(Ok(OtherSpelling::Loaded { max_abs: NOISE }));
    answers.put_variations(Ok(variations(Vec::new())));
    answers
}

/// A checkpoint with one tensor more.
pub(super) fn rewritten(port: Loaded) -> Rewritten {
    Rewritten { names: vec!["mtp.fc.weight".into()], reference: logits(0.0), port }
}

/// A checkpoint in fp8, in two forms.
pub(super) fn fp8(ports: [Loaded; 2]) -> Vec<Fp8> {
    let form = |(id, port)| {
        let (says, names) = (id, vec!["up_proj.weight_scale_inv".into()]);
        Fp8 { id, says, names, reference: Ok(reference(opened())), port }
    };
    ["blocks", "tensors"].into_iter().zip(ports).map(form).collect()
}

/// A port that does not load a checkpoint.
pub(super) fn refused() -> Loaded {
    Loaded::Refused { message: "ValueError: too many indices".into() }
}

/// A format that costs the reference 0.01.
pub(super) fn narrow(port: Tensor) -> Narrow {
    Narrow { reference: logits(0.01), port }
}

/// Caches whose packing costs the reference 0.01.
pub(super) fn packed_cache(port: Tensor) -> PackedCache {
    let (reference, port) = ([logits(0.0), logits(0.01)], [logits(0.0), port]);
    PackedCache { by: CACHE_QUANTISATION, reference, port }
}

/// A config with one field varied, and what came of it.
pub(super) fn variations(deviations: Vec<Varied>) -> Variations {
    let fields = vec!["hidden_act".to_owned()];
    let tying = Setting { field: "tie_word_embeddings".into(), value: false.into() };
    Variations {
        shown: fields.clone(),
        fields,
        compared: 3,
        deviations,
        pairs: (2, 2),
        defaults: Some(Defaults { fields: vec![tying], deviations: Vec::new() }),
        ..Variations::default()
    }
}

/// A tap of which the port has `port` where the reference has bfloat16.
pub(super) fn dtypes(path: &str, port: &str) -> DtypePair {
    DtypePair {
        reference: path.into(),
        port: path.into(),
        reference_dtype: "bfloat16".into(),
        port_dtype: port.into(),
    }
}
