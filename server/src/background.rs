//! Work that reads files, waits for the disk or computes, away from the threads that answer.

use portwright_harness::{cancel::Cancel, environment::Home};
use portwright_tools::error::ToolError;
use tokio::task;

use crate::refusal::Refusal;

/// Do what reads files or computes, off the runtime's threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    task::spawn_blocking(work).await.map_err(|bug| {
        Refusal::new(format!("the call ended unexpectedly: {bug}"), "this is a bug of Portwright")
    })
}

/// Runs a capability away from the server's own threads; a call that is dropped cancels it.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce(&Home, &Cancel) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, Refusal> {
    struct Dropped(Cancel);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let cancel = Cancel::default();
    let guard = Dropped(cancel.clone());
    let home = Home::locate().map_err(ToolError::from)?;
    let done = blocking(move || work(&home, &cancel)).await?;
    drop(guard);
    Ok(done?)
}
