//! `verify --cover`: one run for each config of a set, so that every difference between the checkpoints
//! of a model type has been measured.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use portwright_harness::{
    cancel::Cancel,
    environment::Home,
    outcome::Verdict,
    progress::{Event, Progress, Step},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    candidates::CoverSet,
    count::counted,
    error::ToolError,
    verify::{self, VerifyInput, VerifyOutput},
    verify_error::VerifyError,
};

/// What came of all members.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CoverOutput {
    /// Pass where every member passes; a member that could not run leaves it `not run`, one that was
    /// asked only some of the checks leaves it `partial`.
    pub verdict: Verdict,
    /// One sentence of counts.
    pub summary: String,
    /// The digest of the set, as the evidence of each run names it.
    pub cover: String,
    /// The folder with a run for each member.
    pub out: PathBuf,
    pub members: Vec<MemberOutput>,
}

/// What came of one member.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MemberOutput {
    pub candidate: String,
    pub verdict: Verdict,
    /// Its run; nothing where it could not begin.
    pub run: Option<VerifyOutput>,
    /// Why it could not run.
    pub error: Option<String>,
}

/// Verify the configs of a cover one after the other. A member that cannot run does not stop the others.
///
/// # Errors
///
/// Fails when the set cannot be read, is of another model type, or the user stopped it.
pub fn verify_cover(
    input: &VerifyInput,
    home: &Home,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<CoverOutput, ToolError> {
    let Some(path) = &input.cover else {
        return Err(VerifyError::NoCover.into());
    };
    let set = CoverSet::load(path)?;
    // Once for all members: a release is fetched, and from here on named by its exact version.
    let mut input = input.clone();
    let engines = verify::pair(&input)?.engines();
    verify::sources(&mut input, &engines, home, progress, cancel)?;
    let model_type = if input.model_type.is_empty() { &set.model_type } else { &input.model_type };
    let out = input.out.clone().unwrap_or_else(|| verify::default_out(model_type));
    let step =
        Step::start(progress, "verifying the configs of the cover", set.members.len() as u64);
    let mut members = Vec::new();
    for member in &set.members {
        let input = VerifyInput {
            model_type: model_type.clone(),
            candidate: Some(member.id.clone()),
            out: Some(out.join(member.slug())),
            ..input.clone()
        };
        let row = match verify::verify(&input, home, progress, cancel) {
            Ok((output, _)) => MemberOutput {
                candidate: member.id.clone(),
                verdict: output.verdict,
                run: Some(output),
                error: None,
            },
            Err(err) if err.is_cancelled() || set.model_type != *model_type => return Err(err),
            Err(err) => {
                progress.on(Event::Note { text: &format!("{}: {err}", member.id) });
                let error = Some(err.to_string());
                let (candidate, verdict) = (member.id.clone(), Verdict::NotRun);
                MemberOutput { candidate, verdict, run: None, error }
            }
        };
        members.push(row);
        step.advance(1);
    }
    Ok(output(set.digest, &out, members))
}

fn output(cover: String, out: &Path, members: Vec<MemberOutput>) -> CoverOutput {
    let count = |verdict| members.iter().filter(|it| it.verdict == verdict).count();
    let (failed, not_run) = (count(Verdict::Fail), count(Verdict::NotRun));
    let partial = count(Verdict::Partial);
    let verdict = match (failed, not_run, partial) {
        (0, 0, 0) => Verdict::Pass,
        (0, 0, _) => Verdict::Partial,
        (0, _, _) => Verdict::NotRun,
        _ => Verdict::Fail,
    };
    let mut summary = format!(
        "{} of {} pass, {failed} fail, {not_run} not run",
        count(Verdict::Pass),
        counted(members.len(), "config", "configs")
    );
    if 0 < partial {
        let _ = write!(summary, ", {partial} pass the checks that were asked");
    }
    CoverOutput { verdict, summary, cover, out: out.to_owned(), members }
}

#[cfg(test)]
mod tests {
    use Verdict::{Fail, NotRun, Partial, Pass};

    use super::*;

    #[test]
    fn a_member_that_could_not_run_is_no_pass() {
        let of = |verdicts: &[Verdict]| {
            let member = |verdict: &Verdict| MemberOutput {
                candidate: "org/toy".into(),
                verdict: *verdict,
                run: None,
                error: None,
            };
            output(String::new(), Path::new("a"), verdicts.iter().map(member).collect()).verdict
        };
        assert_eq!(of(&[Pass, Pass]), Pass);
        assert_eq!(of(&[Pass, Partial]), Partial);
        assert_eq!(of(&[Pass, NotRun, Partial]), NotRun);
        assert_eq!(of(&[NotRun, Fail, Pass]), Fail);
    }
}
