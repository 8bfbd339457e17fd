//! `portwright stage`: a port's files, staged in a checkout of its target.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use comfy_table::Cell;
use portwright_tools::stage::{self, Change, Recovery, StageInput, Staging, State, Wish};

use crate::{output::Output, policy::whom, show};

#[derive(Debug, ClapArgs)]
pub(crate) struct StageArgs {
    /// A target's id, e.g. `mlx-lm`
    #[arg(required_unless_present = "recover")]
    target: Option<String>,

    /// Files, each with its path in the target, e.g. `mlx_lm/models/olmo3.py=olmo3.py`
    #[arg(value_name = "PATH/IN/TARGET=FILE", value_parser = file)]
    files: Vec<(String, PathBuf)>,

    /// A clean checkout of the target, which receives the files
    #[arg(long, value_name = "PATH")]
    checkout: PathBuf,

    /// The model type of the definition, e.g. `olmo3`
    #[arg(long, value_name = "MODEL_TYPE", required_unless_present = "recover")]
    model: Option<String>,

    /// The target's tree that has the port: of another checkout of it, what was changed there; of a folder
    /// laid out like it, every file
    #[arg(long, alias = "from", value_name = "PATH")]
    port: Option<PathBuf>,

    /// The new branch (default: `add-MODEL_TYPE`)
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,

    /// The patch file (default: BRANCH.patch beside the checkout)
    #[arg(long, value_name = "FILE")]
    patch: Option<PathBuf>,

    /// The run that verified the port
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,

    /// Stage although that run did not pass
    #[arg(long, requires = "run")]
    even_if_failed: bool,

    /// Also commit, with this message of yours, where the target lets tools commit
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,

    /// Do it; with a plan's digest only if that is still the plan
    #[arg(long, value_name = "DIGEST", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    apply: Option<String>,

    /// Finish or undo a staging that was interrupted, and nothing else
    #[arg(long, conflicts_with_all = ["target", "files", "model", "port", "branch", "patch", "run", "message", "apply"])]
    recover: bool,

    #[command(flatten)]
    output: Output,
}

/// `path=file`.
fn file(text: &str) -> Result<(String, PathBuf), String> {
    let (path, file) = text.split_once('=').ok_or("expected PATH/IN/TARGET=FILE")?;
    Ok((path.to_owned(), file.into()))
}

pub(crate) fn run(args: StageArgs) -> anyhow::Result<u8> {
    if args.recover {
        let recovery = stage::recover(&args.checkout)?;
        if args.output.json {
            show::json(&recovery)?;
        } else {
            show::line(of_recovery(&recovery));
        }
        return Ok(0);
    }
    let wish = args
        .apply
        .map_or(Wish::Plan, |it| Wish::Apply { plan: Some(it).filter(|it| !it.is_empty()) });
    let mut files = std::collections::BTreeMap::new();
    for (path, file) in args.files {
        anyhow::ensure!(!files.contains_key(&path), "`{path}` is given twice");
        files.insert(path, file);
    }
    let input = StageInput {
        target: args.target.unwrap_or_default(),
        checkout: args.checkout,
        model_type: args.model.unwrap_or_default(),
        files,
        port: args.port,
        branch: args.branch,
        patch: args.patch,
        run: args.run,
        even_if_failed: args.even_if_failed,
        message: args.message,
    };
    let staging = stage::stage(&input, &wish)?;
    if args.output.json {
        show::json(&staging)?;
    } else {
        show_staging(&staging);
    }
    Ok(u8::from(!staging.refusals.is_empty()))
}

fn of_recovery(recovery: &Recovery) -> String {
    match recovery {
        Recovery::Nothing => "no staging was interrupted".to_owned(),
        Recovery::Undone { branch } => format!("an interrupted staging of `{branch}` was undone"),
        Recovery::Finished { branch } => {
            format!("a staging of `{branch}` was interrupted after its last step: it is complete")
        }
    }
}

fn show_staging(staging: &Staging) {
    if let Some(recovery) = &staging.recovered {
        show::line(of_recovery(recovery));
    }
    let mut table = show::new_table();
    table.set_header(["file", "", "lines"]);
    for file in &staging.files {
        let change = match file.change {
            Change::New => "new",
            Change::Modified => "modified",
        };
        let lines = format!("+{} -{}", file.added, file.removed);
        table.add_row([Cell::new(&file.path), Cell::new(change), Cell::new(lines)]);
    }
    show::line(table);
    for path in &staging.unchanged {
        show::line(format!("{path} is in {} already", staging.target));
    }
    let base = staging.base_branch.as_deref().unwrap_or("a detached HEAD");
    show::line(format!("branch: {} from {base} ({})", staging.branch, &staging.base[..12]));
    show::line(format!("patch:  {}", staging.patch.display()));
    if let Some(run) = &staging.run {
        let same = if run.same_port { "of this very file" } else { "of a file that is not staged" };
        show::line(format!("run:    {} {same} ({})", run.verdict.word(), run.path.display()));
    }
    for note in &staging.notes {
        show::line(format!("mind: {note}"));
    }
    show::line("\nyours to do:");
    for line in &staging.for_the_person {
        show::line(format!("- {line}"));
    }
    if !staging.refusals.is_empty() {
        show::line("\nrefused:");
    }
    for it in &staging.refusals {
        show::line(format!(
            "- {} ({}, for {}). Instead: {}",
            it.why,
            it.id,
            whom(it.whom),
            it.instead
        ));
    }
    show::line(format!("\n{}", ending(staging)));
}

fn ending(staging: &Staging) -> String {
    match &staging.state {
        State::Planned if staging.refusals.is_empty() => {
            format!("nothing is changed yet; do it with --apply={}", staging.digest)
        }
        State::Planned | State::Refused => "nothing was changed".to_owned(),
        State::Staged => {
            format!(
                "staged on `{}`, not committed; read it with `git diff --cached`",
                staging.branch
            )
        }
        State::Committed { commit } => format!("committed {commit} on `{}`", staging.branch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_path_in_the_target() {
        let (path, at) = file("mlx_lm/models/olmo3.py=/home/me/a=b.py").unwrap();
        assert_eq!((path.as_str(), at), ("mlx_lm/models/olmo3.py", "/home/me/a=b.py".into()));
        assert!(file("olmo3.py").is_err());
    }
}
