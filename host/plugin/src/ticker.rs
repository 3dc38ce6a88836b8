//! The clock by which plugins are charged: a thread that ticks while guests run.
//!
//! A thread of its own, since tasks of the runtime stand still while a guest computes on it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmtime::Engine;

/// The time between two ticks.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Starts the thread with the first guest and ends it when dropped.
pub(super) struct Ticker(Arc<Shared>);

/// Held while a guest runs.
pub(super) struct Running(Arc<Shared>);

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
    pub(super) fn new(engine: Engine) -> Self {
        Self(Arc::new(Shared { engine, state: Mutex::default(), wake: Condvar::new() }))
    }

    /// Ticks until the answer is dropped.
    pub(super) fn run(&self) -> std::io::Result<Running> {
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
        Ok(Running(Arc::clone(&self.0)))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.wake.notify_one();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().guests -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and three plain fields cannot be left half-done.
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
