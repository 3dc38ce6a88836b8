//! The thread that ticks while guests run, so that their CPU time can be charged.
//!
//! A task of the runtime cannot tick, because a guest that computes blocks its thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmtime::Engine;

/// The time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Starts the thread with the first guest. Ends it when dropped.
pub(crate) struct Ticker(Arc<Shared>);

/// Keeps the ticker ticking until it is dropped.
pub(crate) struct TickGuard(Arc<Shared>);

struct Shared {
    engine: Engine,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    guests: usize,
    started: bool,
    ended: bool,
}

impl Ticker {
    pub(crate) fn new(engine: Engine) -> Self {
        Self(Arc::new(Shared { engine, state: Mutex::default(), wake: Condvar::new() }))
    }

    /// Ticks until the guard is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the system starts no thread.
    pub(crate) fn run(&self) -> std::io::Result<TickGuard> {
        let mut state = self.0.lock();
        if !state.started {
            let shared = Arc::clone(&self.0);
            std::thread::Builder::new()
                .name("plugin-clock".to_owned())
                .stack_size(128 * 1024)
                .spawn(move || shared.tick())?;
            state.started = true;
        }
        state.guests += 1;
        drop(state);
        self.0.wake.notify_one();
        Ok(TickGuard(Arc::clone(&self.0)))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.wake.notify_one();
    }
}

impl Drop for TickGuard {
    fn drop(&mut self) {
        self.0.lock().guests -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and a panic could not leave the fields inconsistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        loop {
            let mut state = self.lock();
            while state.guests == 0 && !state.ended {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.ended {
                return;
            }
            drop(state);
            std::thread::sleep(TICK);
            self.engine.increment_epoch();
        }
    }
}
