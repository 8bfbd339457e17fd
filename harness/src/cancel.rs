//! A flag that stops long work: Ctrl-C on the command line, `cancel_parity` over MCP.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Cloned freely; once cancelled it stays cancelled.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
