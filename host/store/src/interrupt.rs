//! The wish that a run should stop, as everything that waits observes it.

use tokio::sync::watch;

/// Becomes true when the run shall stop. Clones observe the same wish.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// A switch, and what observes it.
    pub fn channel() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Ends when the run shall stop; never, if nobody can say so any more.
    pub async fn raised(&mut self) {
        if self.0.wait_for(|raised| *raised).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Shall the run stop?
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }
}
