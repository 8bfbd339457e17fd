//! Runs as resources: the list, and the evidence and the report of each.

use std::{fs, io, path::Path};

use portwright_harness::rundir::EVIDENCE;
use portwright_tools::{
    report::{DRAFT, PAGE, REPORT},
    runs::RunSummary,
    standing::{self, State},
};
use rmcp::{
    ErrorData,
    model::{
        ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
        ResourceContents, ResourceTemplate,
    },
};
use serde_json::{Value, json};

use crate::{jobs::Jobs, page::slice, run_id::RunId, skills};

const RUNS: &str = "portwright://runs";
/// Runs of one listing.
const RUNS_A_PAGE: usize = 50;

/// What a run keeps for reading.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Document {
    /// The last part of its address.
    name: &'static str,
    file: &'static str,
    mime_type: &'static str,
    title: &'static str,
    description: &'static str,
}

const DOCUMENTS: &[Document] = &[
    Document {
        name: "evidence",
        file: EVIDENCE,
        mime_type: "application/json",
        title: "Evidence of a run",
        description: "Everything that the run measured, as JSON; `portwright schema` prints its schema",
    },
    Document {
        name: "report",
        file: REPORT,
        mime_type: "text/markdown",
        title: "Report of a run",
        description: "What the evidence says, for people to read",
    },
    Document {
        name: "page",
        file: PAGE,
        mime_type: "text/html",
        title: "Report of a run as a page",
        description: "The report with plots, in one file that needs nothing else",
    },
    Document {
        name: "draft",
        file: DRAFT,
        mime_type: "text/markdown",
        title: "Draft of a pull request",
        description: "The target's template filled with facts, where draft_report has made one",
    },
];

/// The address of a run's evidence.
pub(crate) fn evidence(id: &RunId) -> String {
    format!("{RUNS}/{id}/evidence")
}

/// The address of a run's report.
pub(crate) fn report(id: &RunId) -> String {
    format!("{RUNS}/{id}/report")
}

/// A resource that can be read, from an offset on.
#[derive(Debug, PartialEq)]
enum Address {
    Runs { offset: usize },
    Document { id: RunId, document: Document, offset: usize },
}

impl Address {
    fn parse(uri: &str) -> Option<Self> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, "offset=0"));
        let offset = query.strip_prefix("offset=")?.parse().ok()?;
        let rest = path.strip_prefix(RUNS)?;
        if rest.is_empty() {
            return Some(Self::Runs { offset });
        }
        let (id, name) = rest.strip_prefix('/')?.split_once('/')?;
        let document = *DOCUMENTS.iter().find(|it| it.name == name)?;
        Some(Self::Document { id: RunId::parse(id)?, document, offset })
    }
}

/// The name of a finished run, unless its folder has a name that no run of ours has.
fn id_of(run: &RunSummary) -> Option<RunId> {
    id_at(&run.path)
}

fn id_at(folder: &Path) -> Option<RunId> {
    RunId::parse(folder.file_name()?.to_str()?)
}

/// The names of the newest runs: those without a verdict first, as they are what is asked about.
pub(crate) fn newest(jobs: &Jobs, most: usize) -> Vec<RunId> {
    let standing = standing::list(jobs.root()).into_iter();
    let open = standing.filter(|it| it.1.state != State::Done).filter_map(|it| id_at(&it.0));
    let finished = jobs.finished();
    open.chain(finished.iter().filter_map(id_of)).take(most).collect()
}

/// `resources/list`: the list of runs, then the documents of each finished one, a page at a time.
pub(crate) fn list(jobs: &Jobs, cursor: Option<&str>) -> Result<ListResourcesResult, ErrorData> {
    let offset: usize = match cursor {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            ErrorData::invalid_params(format!("`{text}` is not a cursor of this server"), None)
        })?,
    };
    let finished = jobs.finished();
    let mut resources = Vec::new();
    if offset == 0 {
        resources.push(
            Resource::new(RUNS, "runs")
                .with_title("Runs")
                .with_description("Every run with its state and verdict, newest first")
                .with_mime_type("application/json"),
        );
        resources.extend(skills::resources());
    }
    for run in finished.iter().skip(offset).take(RUNS_A_PAGE) {
        let Some(id) = id_of(run) else { continue };
        for document in DOCUMENTS.iter().filter(|it| run.path.join(it.file).is_file()) {
            let title = format!("{}: {} {}", document.title, run.verdict, run.model_type);
            resources.push(
                Resource::new(
                    format!("{RUNS}/{id}/{}", document.name),
                    format!("{id}/{}", document.name),
                )
                .with_title(title)
                .with_description(document.description)
                .with_mime_type(document.mime_type),
            );
        }
    }
    let next = offset.saturating_add(RUNS_A_PAGE);
    Ok(ListResourcesResult {
        next_cursor: (next < finished.len()).then(|| next.to_string()),
        ..ListResourcesResult::with_all_items(resources)
    })
}

/// `resources/templates/list`.
pub(crate) fn templates() -> ListResourceTemplatesResult {
    let templates = DOCUMENTS.iter().map(|it| {
        ResourceTemplate::new(format!("{RUNS}/{{run}}/{}{{?offset}}", it.name), it.name)
            .with_title(it.title)
            .with_description(it.description)
            .with_mime_type(it.mime_type)
    });
    ListResourceTemplatesResult::with_all_items(templates.collect())
}

/// `resources/read`.
pub(crate) fn read(jobs: &Jobs, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    if let Some(found) = skills::read(uri) {
        return Ok(found);
    }
    match Address::parse(uri) {
        Some(Address::Runs { offset }) => Ok(read_runs(jobs, uri, offset)),
        Some(Address::Document { id, document, offset }) => {
            let folder = jobs.folder(&id);
            // A link would lead out of the folder of runs.
            let path = (!folder.is_symlink()).then(|| folder.join(document.file));
            let missing = || io::Error::from(io::ErrorKind::NotFound);
            let text = path.ok_or_else(missing).and_then(fs::read_to_string).map_err(|_| {
                let message = format!(
                    "run `{id}` has no {}: it is not finished, or there is no such run; {RUNS} lists them",
                    document.name
                );
                ErrorData::resource_not_found(message, Some(json!({"uri": uri})))
            })?;
            Ok(read_slice(uri, &text, document, offset))
        }
        None => {
            let message = format!(
                "no resource `{uri}`; there are {RUNS}, {RUNS}/RUN/evidence, {RUNS}/RUN/report and skill://NAME/SKILL.md"
            );
            Err(ErrorData::resource_not_found(message, Some(json!({"uri": uri}))))
        }
    }
}

/// What a read returns of a long text, and where the rest is.
fn read_slice(uri: &str, text: &str, document: Document, offset: usize) -> ReadResourceResult {
    let (part, next) = slice(text, offset);
    // A part of a JSON document is no JSON.
    let whole = part.len() == text.len();
    let mime_type = if whole { document.mime_type } else { "text/plain" };
    let mut contents = vec![ResourceContents::text(part, uri).with_mime_type(mime_type)];
    if let Some(next) = next {
        let base = uri.split('?').next().unwrap_or(uri);
        let rest = format!("{base}?offset={next}");
        let told = format!("{next} of {} bytes so far; read {rest} for the rest", text.len());
        contents.push(ResourceContents::text(told, rest));
    }
    ReadResourceResult::new(contents)
}

fn read_runs(jobs: &Jobs, uri: &str, offset: usize) -> ReadResourceResult {
    let mut rows: Vec<Value> = standing::list(jobs.root())
        .into_iter()
        .filter(|(_, standing)| standing.state != State::Done)
        .filter_map(|(path, standing)| {
            let id = id_at(&path)?;
            Some(json!({"run": id.as_str(), "state": standing.state}))
        })
        .collect();
    rows.extend(jobs.finished().iter().filter_map(|it| {
        let id = id_of(it)?;
        Some(json!({
            "run": id.as_str(), "state": State::Done, "model_type": it.model_type,
            "verdict": it.verdict, "digest": it.digest, "finished": it.finished,
            "evidence": evidence(&id), "report": report(&id),
        }))
    }));
    let total = rows.len();
    let next = offset.saturating_add(RUNS_A_PAGE);
    let shown: Vec<Value> = rows.into_iter().skip(offset).take(RUNS_A_PAGE).collect();
    let rest = (next < total).then(|| format!("{RUNS}?offset={next}"));
    let page = json!({"runs": shown, "total": total, "rest": rest});
    ReadResourceResult::new(vec![
        ResourceContents::text(page.to_string(), uri).with_mime_type("application/json"),
    ])
}

#[cfg(test)]
mod tests {
    use portwright_harness::environment::Home;

    use super::*;
    use crate::page::SLICE_BYTES;

    fn text_of(contents: &ResourceContents) -> (&str, &str) {
        match contents {
            ResourceContents::TextResourceContents { uri, text, .. } => (uri, text),
            other => panic!("{other:?} is no text"),
        }
    }

    #[test]
    fn an_address_is_exactly_what_the_templates_say() {
        let id = RunId::parse("a-1").unwrap();
        assert_eq!(
            Address::parse(&format!("{}?offset=7", report(&id))),
            Some(Address::Document { id, document: DOCUMENTS[1], offset: 7 })
        );
        assert_eq!(Address::parse(RUNS), Some(Address::Runs { offset: 0 }));
        for uri in [
            "portwright://runs/../evidence",
            "portwright://runs/%2e%2e/evidence",
            "portwright://runs/a-1/../../etc/passwd",
            "portwright://runs/a-1/tensors",
            "portwright://runs/a-1",
            "portwright://runs?limit=1",
            "portwright://runs?offset=-1",
            "file:///etc/passwd",
        ] {
            assert_eq!(Address::parse(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_long_document_is_read_to_its_end_by_following_the_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home")).unwrap();
        let jobs = Jobs::new(dir.path().join("runs"), home);
        let id = RunId::parse("a-1").unwrap();
        let long = "é".repeat(SLICE_BYTES);
        fs::create_dir_all(jobs.folder(&id)).unwrap();
        fs::write(jobs.folder(&id).join(REPORT), &long).unwrap();
        let (mut uri, mut seen) = (report(&id), String::new());
        loop {
            let result = read(&jobs, &uri).unwrap();
            seen.push_str(text_of(&result.contents[0]).1);
            let Some(rest) = result.contents.get(1) else { break };
            assert!(text_of(rest).1.contains("for the rest"));
            uri = text_of(rest).0.to_owned();
        }
        assert_eq!(seen, long);
        let err = read(&jobs, &evidence(&id)).unwrap_err();
        assert!(err.message.contains("has no evidence"), "{}", err.message);
    }
}
