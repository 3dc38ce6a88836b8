//! The interrupt of a run, which all waiting tasks observe.

use tokio::sync::watch;

/// Becomes true when the run should stop. Clones observe the same value.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Makes a switch and its observer.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits until the run should stop; forever, if the switch is gone.
    pub async fn raised(&mut self) {
        if self.0.wait_for(|raised| *raised).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the run should stop.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }
}
