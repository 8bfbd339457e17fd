//! The reference's side of a subject: the truth, its noise, its rotations and its config fields.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::mpsc::{Receiver, Sender},
};

use serde::Deserialize;
use serde_json::json;

use super::{
    alone::{self, Layers},
    ask::{Ask, Ran},
    error::reference_absence,
    plan::Plan,
    said::{Baseline, Half, LongText, Said},
    side::Side,
};
use crate::{
    answers::{Asked, Fields},
    case::{Inputs, NEW_TOKENS, Precision, Regime, StateWay},
    engine::{Experiment, Forward, Open, Opened, Session},
    need::Need,
    outcome::Absence,
};

/// Fields beyond this many would cost more than they tell.
const MAX_EXPERIMENTS: usize = 24;
/// The ways of feeding whose rows must give what each gives alone.
const BATCHED: [StateWay; 3] = [StateWay::LeftPadded, StateWay::RightPadded, StateWay::Joined];

#[derive(Deserialize)]
struct Reads {
    fields: Vec<String>,
    #[serde(default)]
    foreign: Vec<String>,
}

/// Ask the reference. `ignored` gives the config keys that the port drops, once it has opened; `text`
/// takes the long text as soon as it is written, `inputs` which layers' inputs are in the file of the truth.
#[expect(clippy::needless_pass_by_value, reason = "their drop says that nothing more comes")]
pub(super) fn ask(
    session: &mut Session<'_>,
    plan: &Plan<'_>,
    ignored: &Receiver<Asked<Vec<String>>>,
    text: Sender<Vec<u32>>,
    inputs: Sender<Asked<Layers>>,
) -> Said {
    let regime = plan.question.regime;
    let ask = Ask::new(session, &plan.work, "reference", reference_absence);
    let mut side = Side { ask, plan };

    let truth = Open::new("truth", &plan.checkpoint, regime.truth()).following();
    let opened = match side.ask.open(&truth).and_then(complete) {
        Ok(opened) => opened,
        Err(absence) => return Said::nothing(absence),
    };
    let mut said = Said::new();
    let plain = side.plain();
    let truth = side.ask.forward("truth", &plain, "truth");
    let layers = truth.clone().and_then(|it| alone::layers(&it.0));
    // The receiver may be gone when the port failed first; then nobody needs it.
    let _ = inputs.send(layers.clone());
    drop(inputs);
    let batched = BATCHED.map(Need::State).into_iter().filter(|it| plan.question.wants(*it));
    let batched: Vec<Need> = batched.collect();
    if !batched.is_empty() {
        let alone = side.rows_alone();
        for need in batched {
            said.put(need, alone.clone().map(Half::Logits));
        }
    }
    let long = side.wanted(Need::Long, |it| it.long_text("truth"));
    if let Ok((written, _)) = &long {
        // The receiver may be gone when the port failed first; then nobody needs it.
        let _ = text.send(written.ids.clone());
    }
    drop(text);
    let prompt = side.wanted(Need::Prompt, |it| it.long_prompt("truth"));
    let text = long.as_ref().map(|it| it.0.ids.clone()).map_err(Clone::clone);
    let itself = side.wanted(Need::Itself, |it| Ok(it.itself("truth", text)));

    // Where nothing is rounded, the truth is what runs.
    let is_exact = regime == Regime::Exact;
    let name = if is_exact { "truth" } else { "run" };
    let running = if is_exact {
        Ok(opened.clone())
    } else {
        side.ask.close("truth");
        side.open(name, regime.precision(), None)
    };
    let load_seconds = running.as_ref().ok().and_then(|it| it.seconds);
    let running = running.map(|_| ());
    let run = match is_exact {
        true => truth.clone(),
        false => running.clone().and_then(|()| side.ask.forward(name, &plain, "run")),
    };
    let fed = layers.clone().and_then(|it| side.alone(name, &it, &it));
    let mut fed = vec![fed.map(|it| it.1)];
    let nudged = (0..nudges(regime)).map(|index| side.nudged(index, &layers, &mut fed)).collect();
    said.put(Need::Alone, fed.into_iter().collect::<Asked<_>>().map(Half::Logits));
    let baseline = Baseline { opened, truth, run, nudged, load_seconds };
    said.put(Need::Reference, Ok(Half::Baseline(Box::new(baseline))));
    let itself = itself.map(|mut fed| {
        if running.is_ok() {
            side.itself_padded(name, &mut fed);
        }
        Half::Fed(fed)
    });
    said.put(Need::Itself, itself);
    let generated = side.wanted(Need::Generation, |it| {
        running.clone()?;
        it.generate(name, NEW_TOKENS, "generated")
    });
    said.put(Need::Generation, generated.map(Half::Text));
    let along = long.and_then(|text| {
        running.clone()?;
        let along = match is_exact {
            true => text.1.clone(),
            false => side.along(name, &text.0.ids)?.1,
        };
        Ok(Half::LongText(LongText { text, along }))
    });
    said.put(Need::Long, along);
    let prompt = prompt.and_then(|truth| {
        running.clone()?;
        let run = if is_exact { truth.clone() } else { side.long_prompt(name)? };
        Ok(Half::Logits(vec![truth, run]))
    });
    said.put(Need::Prompt, prompt);
    let rotations = side.wanted(Need::Rotations, |it| {
        running.clone()?;
        it.rope(name)
    });
    said.put(Need::Rotations, rotations);
    let read = side.wanted(Need::Fields, |it| {
        running.clone()?;
        it.ask.call::<Reads>("config_reads", json!({"handle": name}))
    });
    side.ask.close(name);

    said.put(Need::Dtypes, side.wanted(Need::Dtypes, Side::narrow));
    said.put(Need::Retied, side.retied(regime.truth()));
    said.put(Need::Quantised, side.rounded().map(Half::Logits));
    said.put(Need::Stray, side.rewritten("stray", &plan.stray, regime.truth()));
    said.put(Need::AsBuilt, side.rewritten("as-built", &plan.as_built, regime.truth()));
    said.put(Need::Fp8, side.fp8().map(Half::Baselines));
    said.put(Need::Float16, side.wanted(Need::Float16, Side::float16));
    said.put(Need::PackedCache, side.wanted(Need::PackedCache, Side::packed_cache));
    let fields = read.and_then(|read| {
        let Reads { fields: read, foreign } = read;
        let ignored = side.experiments(&read, ignored)?;
        Ok(Half::Fields(Fields { read, foreign, ignored, ..Fields::default() }))
    });
    said.put(Need::Fields, fields);
    said
}

/// A reference with a hole is none: transformers fills what a checkpoint lacks with fresh values.
pub(super) fn complete(opened: Opened) -> Asked<Opened> {
    let load = &opened.load;
    let lacking = load.missing.iter().chain(load.mismatched.iter().map(|it| &it.name));
    let names: Vec<String> = lacking.take(3).map(|it| format!("`{it}`")).collect();
    if names.is_empty() {
        return Ok(opened);
    }
    let reason = format!("the definition finds no fitting {} in this checkpoint", names.join(", "));
    Err(Absence::Blocked { reason })
}

/// How many samples of the noise are taken. In bfloat16 a router near a tie sends a token elsewhere,
/// so that one sample says little about the next.
pub(super) fn nudges(regime: Regime) -> u64 {
    match regime {
        // None is rounding.
        Regime::Exact => 0,
        Regime::Logic => 1,
        Regime::Native => 4,
    }
}

impl Side<'_, '_> {
    /// The subject's checkpoint, with each weight moved by up to one unit in the last place where a seed
    /// for that is given.
    fn open(&mut self, handle: &str, precision: Precision, nudge: Option<u64>) -> Asked<Opened> {
        let open = Open::new(handle, &self.plan.checkpoint, precision);
        let open = match nudge {
            Some(seed) => open.nudged(seed),
            None => open,
        };
        self.ask.open(&open)
    }

    /// The plain forward with nudged weights; into `fed` goes the one whose layers get the inputs of the truth.
    fn nudged(
        &mut self,
        index: u64,
        layers: &Asked<Layers>,
        fed: &mut Vec<Asked<PathBuf>>,
    ) -> Asked<Ran> {
        let (question, handle) = (self.plan.question, format!("nudged-{index}"));
        self.open(&handle, question.regime.precision(), Some(question.seed + index))?;
        let said = self.ask.forward(&handle, &self.plain(), &handle);
        fed.push(layers.clone().and_then(|it| self.alone(&handle, &it, &it)).map(|it| it.1));
        self.ask.close(&handle);
        said
    }

    /// Logits of each row of the batch, alone.
    fn rows_alone(&mut self) -> Asked<Vec<PathBuf>> {
        let rows = self.plan.batch.iter().enumerate();
        rows.map(|(index, row)| {
            let alone = Forward::of(Inputs::text(vec![row.clone()]));
            self.ask.forward("truth", &alone, &format!("alone-{index}")).map(|it| it.1)
        })
        .collect()
    }

    fn retied(&mut self, precision: Precision) -> Asked<Half> {
        let (_, checkpoint) = self.plan.retied.clone()?;
        self.ask.open::<Opened>(&Open::new("retied", &checkpoint, precision))?;
        self.closing("retied").map(Half::Forward)
    }

    /// Change each field that the definition reads and the port drops, one at a time.
    fn experiments(
        &mut self,
        read: &[String],
        ignored: &Receiver<Asked<Vec<String>>>,
    ) -> Asked<BTreeMap<String, Experiment>> {
        let ignored = ignored.recv().unwrap_or_else(|_| {
            Err(Absence::Blocked { reason: "the port's side ended early".into() })
        })?;
        let fields = ignored.iter().filter(|it| read.contains(it)).take(MAX_EXPERIMENTS);
        let mut experiments = BTreeMap::new();
        for field in fields {
            let request = json!({
                "checkpoint": self.plan.checkpoint, "field": field, "tokens": self.plan.tokens,
            });
            let experiment = self.ask.call::<Experiment>("config_experiment", request)?;
            experiments.insert(field.clone(), experiment);
        }
        Ok(experiments)
    }
}
