//! Asking: drives the two engines through every case and collects what they say.
//!
//! The reference and the port work side by side in their own processes; tensors travel through files
//! in the run's work folder. Nothing here judges: what could not be had is an
//! [`Absence`](crate::outcome::Absence) with its reason.
//!
//! # Where to start
//!
//! [`gather`] asks one [`Question`] of a [`Lane`]. `plan` decides what both sides are fed, `reference`
//! and `port` ask it through `ask`, each puts into `said` what it was told under the needs of the
//! checks, and `assemble` brings the two halves of each answer together.

mod alone;
pub(crate) mod ask;
mod assemble;
mod beside;
mod error;
mod formats;
mod fp8;
mod itself;
mod lane;
mod long;
mod pairs;
mod plan;
mod port;
mod prompt;
mod quantised;
mod question;
pub(crate) mod read;
mod reference;
mod said;
mod side;
mod taps;
mod words;

pub use error::GatherError;
pub(crate) use error::reference_absence;
pub use lane::Lane;
pub use plan::model_type_of;
pub use question::Question;

use std::{fs, path::Path, sync::mpsc::channel, thread};

use serde_json::json;

use plan::{Plan, prepare, read_config};
use port::Told;
use said::Said;
use words::Words;

use crate::{
    answers::Answers,
    engine::{EngineError, Operation, Session, Synthesis, Synthesised, Texts},
    head::Head,
    kept::Files,
    need::Need,
    records::GenerationText,
};

/// The plain forward with its taps, of each side, in a run's work folder.
pub const REFERENCE_TAPS: &str = "reference-truth.safetensors";
pub const PORT_TAPS: &str = "port-plain.safetensors";

/// Ask both engines everything that the question's checks need. Files go to `work`.
///
/// # Errors
///
/// Fails when no checkpoint can be had (unknown model type, refused config, full disk), when the question
/// is not of causal language models, which ports are, and when cancelled. What happens after that is an
/// absence among the answers.
pub fn gather(lane: &mut Lane, question: &Question, work: &Path) -> Result<Answers, GatherError> {
    let gathered = ask_both(lane, question, work);
    if gathered.is_err() {
        // It is not known how far the definition came.
        let mut files = Files::default();
        files.add_whole(lane.pair().reference().row().package);
        lane.note(files);
    }
    gathered
}

fn ask_both(lane: &mut Lane, question: &Question, work: &Path) -> Result<Answers, GatherError> {
    if question.head != Head::default() {
        return Err(GatherError::OtherHead { head: question.head });
    }
    fs::create_dir_all(work)
        .map_err(|source| GatherError::Write { path: work.to_owned(), source })?;
    let notes_files = lane.notes_files();
    let pair = lane.pair();
    let mut session = lane.reference.session()?;
    let words = match &question.checkpoint {
        Some(checkpoint) => Words::of(checkpoint, pair.reference(), &mut session),
        None => Ok(None),
    };
    let mut synthesise = |synthesis: Synthesis, name: &str| {
        let out = work.join(name);
        let synthesis = Synthesis { out: out.clone(), ..synthesis };
        let request = serde_json::to_value(&synthesis).expect("plain data");
        session.call::<Synthesised>("synthesize", request).map(|it| (it, out))
    };
    let (synthetic, plan) = prepare(question, pair, work, words, &mut synthesise)?;
    let fp8 = fp8::write(&plan, &mut lane.port, &mut synthesise);
    let plan = Plan { notes_files, fp8, ..plan };
    let config = read_config(&plan.checkpoint)?;
    let (send_ignored, receive_ignored) = channel();
    let (send_text, text) = channel();
    let (send_inputs, inputs) = channel();
    let told = Told { text, inputs };
    let (reference, port) = thread::scope(|scope| {
        let port = scope.spawn(|| port::ask(&mut lane.port, &plan, send_ignored, told));
        let reference =
            reference::ask(&mut session, &plan, &receive_ignored, send_text, send_inputs);
        (reference, port.join().expect("the port's side does not panic"))
    });
    let text = texts(&mut session, &plan, &reference, &port);
    let mut files = if notes_files { session.imported() } else { Files::default() };
    drop(session);
    if reference.baseline(Need::Reference).is_err() {
        files.add_whole(pair.reference().row().package);
    }
    files.extend(port.files.clone());
    lane.note(files);
    if lane.cancel.is_cancelled() {
        return Err(EngineError::Cancelled.into());
    }
    Ok(assemble::assemble(&plan, synthetic, config, &reference, &port, text))
}

/// What both sides generated, as text; `None` where the checkpoint or the engine has no tokenizer.
fn texts(
    session: &mut Session<'_>,
    plan: &Plan<'_>,
    reference: &Said,
    port: &Said,
) -> Option<GenerationText> {
    let (reference, _) = reference.text(Need::Generation).ok()?;
    let (port, _) = port.text(Need::Generation).ok()?;
    let writes = plan.pair.reference().offers(Operation::Texts);
    if plan.question.checkpoint.is_none() || writes.is_err() {
        return None;
    }
    let own = &port.ids[..reference.ids.len().min(port.ids.len())];
    let rows = [&plan.prompt[..], &reference.ids, own];
    let request = json!({"checkpoint": plan.checkpoint, "rows": rows});
    let texts = session.call::<Texts>("texts", request).ok()?.texts?;
    let [prompt, reference, port] = <[String; 3]>::try_from(texts).ok()?;
    Some(GenerationText { prompt, reference, port })
}
