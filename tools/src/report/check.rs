//! Whether what stands on disk says what the evidence gives, word for word.

use std::{fs, io::ErrorKind, path::Path};

use portwright_harness::outcome::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

use super::{FILES, draft, question, target};
use crate::{error::ToolError, runs};

/// Between these a person writes; the first is followed by what is asked of them.
pub(super) const PERSON: &str = "<!-- person:";
pub(super) const PERSON_END: &str = "<!-- end person -->";

/// What a check of a run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportCheck {
    /// The verdict that the stored facts give.
    pub verdict: Verdict,
    /// Outcomes, verdict or digest in evidence.json that its own facts do not give, and facts that are
    /// not about what its command asks.
    pub evidence: Vec<String>,
    /// Lines of the report's files that the evidence does not give.
    pub report: Vec<ReportFault>,
    /// The files that were held to the evidence.
    pub files: Vec<String>,
}

impl ReportCheck {
    /// Nothing is stated that the facts do not back.
    pub fn holds(&self) -> bool {
        self.evidence.is_empty() && self.report.is_empty()
    }
}

/// One line that differs from what the evidence gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportFault {
    /// The file in the run's folder, e.g. `report.md`.
    pub file: String,
    /// Its number there; 0 for a line that is missing.
    pub line: u64,
    /// What the report says; absent when a line was taken out.
    pub says: Option<String>,
    /// What the evidence gives; absent when a line was put in.
    pub evidence: Option<String>,
}

/// Recompute verdict and digest from the stored facts, and compare every file of the report with what
/// they give.
///
/// What a person fills in is theirs; everything else must be word for word what the evidence renders
/// to, so that no changed digit passes. A draft in the target's template is checked where there is
/// one; the other files must be there.
///
/// # Errors
///
/// Fails where the run has no readable evidence, or a file cannot be read.
pub fn check(run: &Path) -> Result<ReportCheck, ToolError> {
    let stored = runs::load(run)?;
    let evidence = stored.clone().seal();
    let mut check = ReportCheck {
        verdict: evidence.verdict_of_facts(),
        evidence: [stored.disagreements(), question::contradictions(&stored)].concat(),
        report: Vec::new(),
        files: Vec::new(),
    };
    for file in FILES {
        let found = read(run, file.name)?;
        check.compare(file.name, &(file.render)(&evidence)?, found.as_deref());
    }
    if let Some(found) = read(run, draft::DRAFT)? {
        match read(run, draft::TEMPLATE)?.as_deref().and_then(target::stored) {
            Some(template) => {
                let expected = draft::fill(&evidence, &template)?;
                check.compare(draft::DRAFT, &expected, Some(&found));
            }
            None => check.report.push(ReportFault {
                file: draft::TEMPLATE.to_owned(),
                line: 0,
                says: None,
                evidence: Some(format!("the template that {} was made from", draft::DRAFT)),
            }),
        }
    }
    Ok(check)
}

impl ReportCheck {
    fn compare(&mut self, file: &str, expected: &str, found: Option<&str>) {
        self.files.push(file.to_owned());
        let Some(found) = found else {
            self.report.push(ReportFault {
                file: file.to_owned(),
                line: 0,
                says: None,
                evidence: Some("the whole file".to_owned()),
            });
            return;
        };
        if expected != found {
            self.report.extend(faults(file, expected, found));
        }
    }
}

/// The file's text; `None` where there is no such file.
fn read(run: &Path, name: &str) -> Result<Option<String>, ToolError> {
    match fs::read(run.join(name)) {
        // Bytes that are no text differ from every text, which is what a check must say.
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ToolError::Read { path: run.join(name), source }),
    }
}

/// A text without what a person wrote, and where each of its lines stands in the file.
struct MachinePart {
    text: String,
    numbers: Vec<u64>,
}

impl MachinePart {
    fn of(file: &str) -> Self {
        let mut part = Self { text: String::with_capacity(file.len()), numbers: vec![1] };
        let (mut rest, mut line) = (file, 1);
        while let Some(start) = rest.find(PERSON) {
            let after = start + rest[start..].find("-->").map_or(PERSON.len(), |it| it + 3);
            // A mark without an end hides nothing.
            let Some(length) = rest[after..].find(PERSON_END) else { break };
            part.keep(&rest[..after], &mut line);
            line += rest[after..after + length].matches('\n').count() as u64;
            rest = &rest[after + length..];
        }
        part.keep(rest, &mut line);
        part
    }

    fn keep(&mut self, text: &str, line: &mut u64) {
        for _ in text.matches('\n') {
            *line += 1;
            self.numbers.push(*line);
        }
        // A person ticks the boxes of a template.
        self.text.push_str(&text.replace("- [x] ", "- [ ] ").replace("- [X] ", "- [ ] "));
    }
}

fn faults(file: &str, expected: &str, found: &str) -> Vec<ReportFault> {
    let (expected, found) = (MachinePart::of(expected), MachinePart::of(found));
    let diff = TextDiff::from_lines(&expected.text, &found.text);
    let mut faults: Vec<ReportFault> = Vec::new();
    for change in diff.iter_all_changes() {
        let text = change.value().trim_end_matches('\n').to_owned();
        let file = file.to_owned();
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Delete => {
                faults.push(ReportFault { file, line: 0, says: None, evidence: Some(text) });
            }
            ChangeTag::Insert => {
                let line = change.new_index().and_then(|it| found.numbers.get(it));
                let line = line.copied().unwrap_or_default();
                // A changed line is a deletion and an insertion side by side.
                match faults.iter_mut().find(|it| it.says.is_none()) {
                    Some(fault) => (fault.line, fault.says) = (line, Some(text)),
                    None => {
                        faults.push(ReportFault { file, line, says: Some(text), evidence: None });
                    }
                }
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLANK: &str = "1\n<!-- person: why --> ____ <!-- end person -->\n3\n";

    #[test]
    fn what_stands_between_the_marks_is_a_persons() {
        let filled = BLANK.replace("____", "for\n12 users\n");
        assert_eq!(faults("a", BLANK, &filled), []);
        let forged = filled.replace("\n3\n", "\n4\n");
        let [fault] = &faults("a", BLANK, &forged)[..] else { panic!("one line was forged") };
        assert_eq!((fault.line, fault.says.as_deref()), (5, Some("4")));
        assert_eq!(fault.evidence.as_deref(), Some("3"));
    }

    #[test]
    fn marks_that_someone_adds_hide_nothing() {
        for forged in [
            BLANK.replace("3\n", "<!-- person: x -->4<!-- end person -->\n"),
            BLANK.replace("1\n", "<!-- person: x -->\n1\n"),
            BLANK.replace(" <!-- end person -->", ""),
            BLANK.replace("1\n", ""),
        ] {
            assert!(!faults("a", BLANK, &forged).is_empty(), "{forged}");
        }
    }
}
