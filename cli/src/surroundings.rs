//! What a command works in: the user's cache, progress bars, and Ctrl-C.

use portwright_harness::{cancel::Cancel, environment::Home};
use portwright_tools::error::ToolError;

use crate::progress::Bars;

/// As shells report a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Home, progress bars, and a flag that Ctrl-C sets.
pub(crate) fn surroundings() -> anyhow::Result<(Home, Bars, Cancel)> {
    let home = Home::locate().map_err(ToolError::from)?;
    let (bars, cancel) = interruptible()?;
    Ok((home, bars, cancel))
}

/// Progress bars, and a flag that Ctrl-C sets: for work that needs no engine.
pub(crate) fn interruptible() -> anyhow::Result<(Bars, Cancel)> {
    let (bars, cancel) = (Bars::new(), Cancel::default());
    let flag = cancel.clone();
    ctrlc::set_handler(move || flag.cancel())?;
    Ok((bars, cancel))
}
