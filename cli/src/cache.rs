//! `portwright cache`: what lies in the cache, and what can go.

use comfy_table::{Cell, Color};
use portwright_harness::environment::{self, Cache, State};
use portwright_tools::{count::counted, error::ToolError};

use crate::{show, surroundings::surroundings};

pub(crate) fn run(prune: bool, json: bool) -> anyhow::Result<u8> {
    let (home, bars, cancel) = surroundings()?;
    let cache = environment::cache(&home, prune, &bars, &cancel).map_err(ToolError::from)?;
    if json {
        show::json(&cache)?;
    } else {
        table(&cache);
    }
    Ok(0)
}

fn table(cache: &Cache) {
    let mut table = show::new_table();
    table.set_header(["name", "what it is", "size", ""]);
    for entry in &cache.entries {
        let (word, colour) = match entry.state {
            State::Used => ("used", Color::Green),
            State::Kept => ("kept", Color::Reset),
            State::Old => ("old", Color::Yellow),
            State::Foreign => ("foreign", Color::Red),
        };
        table.add_row([
            Cell::new(&entry.name),
            Cell::new(&entry.what),
            Cell::new(show::bytes(entry.bytes)),
            Cell::new(word).fg(colour),
        ]);
    }
    if !cache.entries.is_empty() {
        show::line(&table);
    }
    show::line(format!("{} in {}", show::bytes(cache.bytes), cache.home.display()));
    let old = cache.entries.iter().filter(|it| it.state == State::Old).count() as u64;
    if !cache.removed.is_empty() {
        let removed = cache.removed.len() as u64;
        show::line(format!("removed: {}", counted(removed, "old entry", "old entries")));
    } else if 0 < old {
        let old = counted(old, "entry is", "entries are");
        show::line(format!("next:   {old} of no use to this version: `portwright cache --prune`"));
    }
}
