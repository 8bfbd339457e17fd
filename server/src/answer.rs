//! What the tools return: data first, a short text beside it, never more than a page of rows.

use std::path::PathBuf;

use portwright_harness::{
    evidence::{Evidence, TapRecord},
    figure::{Bound, Direction, Real},
    outcome::{CheckRecord, Outcome, Place, Verdict},
};
use portwright_prompts::number_text;
use portwright_tools::{
    explain::{Explanation, FailedCheck},
    report,
    standing::{Standing, State},
};
use rmcp::{
    ErrorData,
    handler::server::tool::IntoCallToolResult,
    model::{CallToolResponse, CallToolResult, ContentBlock},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    input::RowsOfRun,
    job::Job,
    page::{clip, page},
    refusal::Refusal,
    resources,
    run_id::RunId,
};

/// A result that is data, with a text for people and for clients that show no data.
pub(crate) trait Brief: Serialize {
    fn brief(&self) -> String;
}

/// Carries data as `structuredContent` and its brief text as `content`.
#[derive(Debug)]
pub(crate) struct Answer<T>(pub(crate) T);

impl<T: Brief> IntoCallToolResult for Answer<T> {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        let data = serde_json::to_value(&self.0)
            .map_err(|err| ErrorData::internal_error(err.to_string(), None))?;
        let mut result = CallToolResult::structured(data);
        result.content = vec![ContentBlock::text(self.0.brief())];
        Ok(result.into())
    }
}

/// A run as it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunStatus {
    /// Name it in every later call, e.g. `olmo3-20260131T120000123Z`.
    run: String,
    state: State,
    /// The step under way, e.g. `verifying olmo3`; empty when there is none.
    phase: String,
    /// Seconds since the run was accepted; stands still once it is over.
    elapsed_seconds: f64,
    /// The last sentence that the run had to say.
    last_note: Option<String>,
    /// The verdict, once the run is done.
    verdict: Option<Verdict>,
    /// Why there is no verdict, when the run failed.
    error: Option<String>,
    /// What to call next.
    next_step: String,
}

impl RunStatus {
    pub(crate) fn of(job: &Job) -> Self {
        let moment = job.moment();
        let verdict = moment.output.map(|it| it.verdict);
        Self { verdict, ..Self::of_standing(&job.id, moment.standing) }
    }

    /// A run that another process answers or answered for.
    pub(crate) fn of_standing(id: &RunId, standing: Standing) -> Self {
        let run = id.to_string();
        let seconds = standing.elapsed_seconds();
        Self {
            next_step: next_step(&run, standing.state),
            run,
            state: standing.state,
            phase: standing.phase,
            elapsed_seconds: seconds,
            last_note: standing.note.map(|it| clip(&it)),
            verdict: None,
            error: standing.failure.map(|it| clip(&Refusal::from(it).text())),
        }
    }

    /// A run of an earlier server, whose evidence is on disk.
    pub(crate) fn of_finished(id: &RunId, evidence: &Evidence) -> Self {
        let seconds: f64 = evidence.clock.seconds.values().map(|it| it.0).sum();
        Self {
            run: id.to_string(),
            state: State::Done,
            phase: String::new(),
            elapsed_seconds: seconds,
            last_note: None,
            verdict: Some(evidence.verdict),
            error: None,
            next_step: next_step(id.as_str(), State::Done),
        }
    }
}

fn next_step(run: &str, state: State) -> String {
    match state {
        State::Queued | State::Running => {
            format!("call parity_status with {{\"run\": \"{run}\"}} in a few seconds")
        }
        State::Done => format!("call parity_result with {{\"run\": \"{run}\"}}"),
        State::Failed => "mend what the error names, then call run_parity again".to_owned(),
        State::Cancelled | State::Interrupted => {
            format!("call run_parity with {{\"resume\": \"{run}\"}} to verify it after all")
        }
    }
}

impl Brief for RunStatus {
    fn brief(&self) -> String {
        let mut text = format!("run {} is {}", self.run, self.state.word());
        if !self.phase.is_empty() {
            text = format!("{text}: {}", self.phase);
        }
        if let Some(verdict) = self.verdict {
            text = format!("{text}: {}", verdict.word());
        }
        if let Some(error) = &self.error {
            text = format!("{text}: {error}");
        }
        format!("{text}\nnext: {}", self.next_step)
    }
}

/// The verdict of a run and its checks, a page of them at a time.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RunResult {
    run: String,
    verdict: Verdict,
    /// One sentence of counts.
    summary: String,
    /// What nothing in this run speaks about; the report says why.
    untested: Vec<String>,
    model_type: String,
    digest: String,
    checks: Vec<CheckRow>,
    /// How many checks there are in all.
    total_checks: usize,
    /// Give it as `offset` to get the rest; absent when this is the end.
    next_offset: Option<usize>,
    /// The resource with all evidence, e.g. `portwright://runs/RUN/evidence`.
    evidence: String,
    /// The resource with the report, e.g. `portwright://runs/RUN/report`.
    report: String,
    /// The run's folder on the server's machine.
    folder: PathBuf,
    /// The command line that makes this evidence again.
    command: String,
    /// What to call next.
    next_step: String,
}

/// One check.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckRow {
    id: String,
    group: String,
    outcome: Outcome,
    /// Whether a fail of it fails the run.
    gate: bool,
    figures: Vec<FigureRow>,
    /// Why there are no figures, when there are none.
    reason: Option<String>,
    /// Where the models diverge, when the check can say.
    place: Option<Place>,
    findings: Vec<String>,
}

/// One measured number.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FigureRow {
    /// What was measured, e.g. `max |Δ|`.
    name: String,
    measured: Real,
    /// What it is held to; absent for a figure that only informs.
    limit: Option<Real>,
    /// Which side of `limit` is right.
    direction: Option<Direction>,
    holds: bool,
}

/// Findings or figures that one check shows here; the evidence has all of them.
const MOST_DETAILS: usize = 12;

impl From<&CheckRecord> for CheckRow {
    fn from(check: &CheckRecord) -> Self {
        let figures = check.figures.iter().take(MOST_DETAILS).map(|it| FigureRow {
            name: it.name.clone(),
            measured: it.measured,
            limit: it.bound.map(|it| Real(it.limit())),
            direction: it.bound.map(Bound::direction),
            holds: it.holds(),
        });
        Self {
            id: check.id.clone(),
            group: check.group.clone(),
            outcome: check.outcome,
            gate: check.gate,
            figures: figures.collect(),
            reason: check.absence.as_ref().map(|it| clip(&it.to_string())),
            place: check.place.clone(),
            findings: check.findings.iter().take(MOST_DETAILS).map(|it| clip(it)).collect(),
        }
    }
}

impl RunResult {
    pub(crate) fn of(id: &RunId, folder: PathBuf, evidence: &Evidence, rows: &RowsOfRun) -> Self {
        let all: Vec<CheckRow> = evidence.checks.iter().map(CheckRow::from).collect();
        let total_checks = all.len();
        let (checks, next_offset) = page(all, rows.offset(), rows.limit());
        let next_step = match (next_offset, evidence.verdict) {
            (Some(next), _) => {
                format!(
                    "call parity_result with {{\"run\": \"{id}\", \"offset\": {next}}} for the rest"
                )
            }
            (None, Verdict::Pass) => format!("read the resource {}", resources::report(id)),
            (None, Verdict::Partial) => {
                "this asked only some of the checks: call run_parity again \
                                        without `checks` for a verdict on the model"
                    .to_owned()
            }
            (None, Verdict::Fail) => format!("call explain_divergence with {{\"run\": \"{id}\"}}"),
            (None, Verdict::NotRun) => {
                "mend what the rows with outcome not-run name, then call run_parity again"
                    .to_owned()
            }
        };
        Self {
            run: id.to_string(),
            verdict: evidence.verdict,
            summary: report::sentence(evidence),
            untested: report::untested(evidence),
            model_type: evidence.subject.model_type.clone(),
            digest: evidence.digest.clone(),
            checks,
            total_checks,
            next_offset,
            evidence: resources::evidence(id),
            report: resources::report(id),
            folder,
            command: clip(&evidence.command),
            next_step,
        }
    }
}

impl Brief for RunResult {
    fn brief(&self) -> String {
        let mut lines =
            vec![format!("{} {}: {}", self.verdict.word(), self.model_type, self.summary)];
        let worth = |it: &&CheckRow| matches!(it.outcome, Outcome::Fail | Outcome::NotRun);
        for check in self.checks.iter().filter(worth) {
            let broken = check.figures.iter().find(|it| !it.holds);
            let detail = match (broken, &check.reason, check.findings.first()) {
                (Some(figure), _, _) => format!(
                    ": {} is {}, must be {} {}",
                    figure.name,
                    number_text(figure.measured.0),
                    figure.direction.map_or("", Direction::words),
                    number_text(figure.limit.map_or(f64::NAN, |it| it.0))
                ),
                (None, Some(reason), _) => format!(": {reason}"),
                (None, None, Some(finding)) => format!(": {finding}"),
                (None, None, None) => String::new(),
            };
            lines.push(format!("{} {}{detail}", check.outcome, check.id));
        }
        if self.verdict == Verdict::Pass {
            lines.push(format!("not asked: {}", report::shortly(&self.untested)));
        }
        lines.push(format!("next: {}", self.next_step));
        lines.join("\n")
    }
}

/// Where the two models of a run diverge, and what stands around it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Divergence {
    run: String,
    #[serde(flatten)]
    explanation: Explanation,
    /// How many taps `around` has in all.
    total_around: usize,
    /// Give it as `offset` to get more of `around`; absent when this is the end.
    next_offset: Option<usize>,
}

impl Divergence {
    pub(crate) fn of(id: &RunId, mut explanation: Explanation, rows: &RowsOfRun) -> Self {
        let all: Vec<TapRecord> = std::mem::take(&mut explanation.around);
        let total_around = all.len();
        let (around, next_offset) = page(all, rows.offset(), rows.limit());
        explanation.around = around;
        explanation.summary = clip(&explanation.summary);
        for line in &mut explanation.in_short {
            line.text = clip(&line.text);
        }
        for FailedCheck { findings, error, .. } in &mut explanation.failed {
            findings.truncate(MOST_DETAILS);
            for finding in findings.iter_mut() {
                *finding = clip(finding);
            }
            *error = error.as_deref().map(clip);
        }
        Self { run: id.to_string(), explanation, total_around, next_offset }
    }
}

impl Brief for Divergence {
    fn brief(&self) -> String {
        let explanation = &self.explanation;
        let mut lines = vec![format!("{}: {}", explanation.verdict.word(), explanation.summary)];
        lines.extend(explanation.in_short.iter().map(|it| format!("{}: {}", it.about, it.text)));
        for line in &explanation.lines {
            let text = line.text.trim();
            lines.push(format!("{} {}:{}: {text}", line.side, line.file, line.line));
        }
        for check in &explanation.failed {
            let finding = check.findings.first().map(|it| format!(": {it}")).unwrap_or_default();
            lines.push(format!("failed {}{finding}", check.id));
        }
        if let Some(next) = self.next_offset {
            lines.push(format!(
                "next: call explain_divergence with \"offset\": {next} for more taps"
            ));
        }
        lines.join("\n")
    }
}
