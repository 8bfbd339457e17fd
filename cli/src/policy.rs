//! `portwright policy`: what a target asks of contributions.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use comfy_table::{Cell, Color};
use portwright_tools::policy::{self, Policy, PolicyInput, Rule, Standing, Verdict, Whom};

use crate::{output::Output, show};

#[derive(Debug, ClapArgs)]
pub(crate) struct PolicyArgs {
    /// A target's id, e.g. `mlx-lm`
    target: String,
    /// The target's tree, a checkout: says which of its files changed since the rules were read from them
    #[arg(long, alias = "checkout", value_name = "PATH")]
    port: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: PolicyArgs) -> anyhow::Result<u8> {
    let policy = policy::policy(&PolicyInput { target: args.target, port: args.port })?;
    if args.output.json {
        show::json(&policy)?;
    } else {
        show_policy(&policy);
    }
    Ok(0)
}

fn show_policy(policy: &Policy) {
    let mut table = show::new_table();
    table.set_header(["what", "whom", "", "the rule", "source"]);
    for rule in &policy.rules {
        let (word, colour) = word(rule.verdict);
        table.add_row([
            Cell::new(&rule.what),
            Cell::new(whom(rule.whom)),
            Cell::new(word).fg(colour),
            Cell::new(text(rule)),
            Cell::new(format!(
                "{}, {}\nread {}{}",
                rule.file,
                rule.section,
                rule.read,
                standing(rule)
            )),
        ]);
    }
    show::line(table);
    if !policy.unstated.is_empty() {
        show::line(format!(
            "\nno rule says whether a tool may {}: ask before it does",
            policy.unstated.join(", ")
        ));
    }
    if let Some(note) = &policy.note {
        show::line(format!("\n{note}"));
    }
    for warning in &policy.warnings {
        show::line(format!("mind: {warning}"));
    }
    show::line(format!("\npull requests go to github.com/{}", policy.repository));
}

fn text(rule: &Rule) -> String {
    let mut text = rule.says.clone();
    if let Some(instead) = &rule.instead {
        text = format!("{text}\nInstead: {instead}");
    }
    for value in &rule.values {
        text = format!("{text}\n  {value}");
    }
    text
}

fn standing(rule: &Rule) -> &'static str {
    match rule.standing {
        Standing::Unchanged => ", unchanged",
        Standing::Changed => ", CHANGED SINCE",
        Standing::Vanished => ", GONE SINCE",
        Standing::Unread | Standing::NotCompared => ", not compared",
    }
}

pub(crate) fn whom(whom: Whom) -> &'static str {
    match whom {
        Whom::Agent => "agent",
        Whom::Person => "person",
        Whom::Anyone => "anyone",
    }
}

fn word(verdict: Verdict) -> (&'static str, Color) {
    match verdict {
        Verdict::Allowed => ("allowed", Color::Green),
        Verdict::Forbidden => ("forbidden", Color::Red),
        Verdict::Required => ("required", Color::Cyan),
        Verdict::Person => ("needs a person", Color::Yellow),
    }
}
