//! Progress on stderr: bars on a terminal, plain sentences elsewhere.

use std::{
    collections::HashMap,
    io::{IsTerminal, stderr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use portwright_harness::progress::{Event, Progress};

/// Shows every step while it runs.
pub(crate) struct Bars {
    all: MultiProgress,
    open: Mutex<HashMap<String, ProgressBar>>,
    terminal: bool,
}

impl Bars {
    pub(crate) fn new() -> Self {
        Self { all: MultiProgress::new(), open: Mutex::default(), terminal: stderr().is_terminal() }
    }
}

impl Progress for Bars {
    fn on(&self, event: Event<'_>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Note { text } if self.terminal => {
                // Fails only when stderr is gone, and then nobody reads it.
                let _ = self.all.println(text);
            }
            Event::Note { text } => anstream::eprintln!("{text}"),
            Event::Started { .. } | Event::Advanced { .. } | Event::Finished { .. }
                if !self.terminal => {}
            Event::Started { step, total } => {
                let bar =
                    self.all.add(total.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
                bar.set_style(style(step, total));
                bar.set_message(step.to_owned());
                bar.enable_steady_tick(Duration::from_millis(100));
                open.insert(step.to_owned(), bar);
            }
            Event::Advanced { step, by } => {
                if let Some(bar) = open.get(step) {
                    bar.inc(by);
                }
            }
            Event::Finished { step } => {
                if let Some(bar) = open.remove(step) {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

/// A spinner without a total, a bar with one; steps that name bytes count in them.
fn style(step: &str, total: Option<u64>) -> ProgressStyle {
    let template = match total {
        None => "{spinner} {msg} {elapsed}",
        Some(_) if step.contains("bytes") || step.contains("install") => {
            "{msg} {wide_bar} {bytes}/{total_bytes} {eta}"
        }
        Some(_) => "{msg} {wide_bar} {pos}/{len} {eta}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
