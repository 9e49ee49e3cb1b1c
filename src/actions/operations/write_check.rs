//! When this process last saw that the database takes writes.

use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A write that was taken stands for those of the next seconds: anybody may ask whether the service is ready, and each write
/// waits for the disk.
const STANDS: Duration = Duration::from_secs(5);

/// When the database last took a write that was made to see whether it does; None: it did not, or was not asked.
#[derive(Default)]
pub struct WriteCheck(Mutex<Option<Instant>>);

impl WriteCheck {
    /// Has `write` made unless one was taken lately. Of several callers one writes, and the others wait for it.
    ///
    /// # Errors
    /// Those of `write`.
    pub async fn made<E>(&self, write: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let mut last = self.0.lock().await;
        if last.is_none_or(|at| at.elapsed() >= STANDS) {
            *last = None;
            write.await?;
            *last = Some(Instant::now());
        }
        Ok(())
    }
}
