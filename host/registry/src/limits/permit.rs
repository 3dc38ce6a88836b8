//! Permits: which request may use a registry now.
//!
//! A transfer needs a permit at both ends and takes both in one step. A permit's owner never waits for
//! another permit, so waiters cannot deadlock, whatever the limits are.
//!
//! `Permits` admits the oldest image first. Half of the slots go to the largest waiting blob, which
//! would otherwise end up alone at the end of the run. Blobs above 1 GiB use at most half of the
//! slots while others wait.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::limits::pause::GaveUp;
use crate::limits::window::{Class, Window};

/// Blobs above this size, in bytes, count as huge.
const HUGE: u64 = 1024 * 1024 * 1024;

/// Identifies the window of one request class at one registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WindowId(usize);

/// The order of waiters: by image number, then by arrival.
type Age = (u32, u64);

/// A request for a permit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PermitRequest {
    /// The number of the image that the request belongs to; lower numbers are older.
    pub(crate) image: u32,
    /// Bytes to transfer; 0 for requests other than blobs.
    pub(crate) size: u64,
}

/// A window that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowClosed {
    /// The window.
    pub(crate) window: WindowId,
    /// The reason.
    pub(crate) reason: GaveUp,
}

#[derive(Debug)]
struct Waiter {
    size: u64,
    admit: oneshot::Sender<Result<Permit, WindowClosed>>,
}

/// The waiters for the same set of windows.
#[derive(Debug, Default)]
struct Queue {
    windows: Vec<WindowId>,
    by_age: BTreeMap<Age, Waiter>,
    by_size: BTreeSet<(u64, Age)>,
}

#[derive(Debug, Default)]
struct Table {
    windows: Vec<Window>,
    /// For each window, the queues that wait for it.
    queues_of: Vec<Vec<usize>>,
    queues: Vec<Queue>,
    queue_of: HashMap<Vec<WindowId>, usize>,
    arrivals: u64,
}

/// The permits of all registries of a run. Clones share state.
#[derive(Clone, Debug)]
pub(crate) struct Permits {
    table: Arc<Mutex<Table>>,
    max_wait: Duration,
    /// The most large transfers per registry.
    large: usize,
    /// The number of processes that share the run.
    processes: usize,
}

/// A slot in each requested window; released on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Permits,
    windows: Vec<WindowId>,
    admitted_by_size: bool,
    huge: bool,
}

impl Permits {
    /// Makes permits with at most `large` transfers of large blobs per registry.
    ///
    /// A pause longer than `max_wait` is an error instead of a wait.
    pub(crate) fn new(large: usize, max_wait: Duration) -> Self {
        Self { table: Arc::default(), max_wait, large, processes: 1 }
    }

    /// Starts the windows at the share of one of `processes`, at least one request.
    pub(crate) const fn shared_by(mut self, processes: usize) -> Self {
        self.processes = processes;
        self
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the windows of one more registry.
    pub(crate) fn register(&self) -> Windows {
        let mut table = self.lock();
        let first = table.windows.len();
        for class in Class::ALL {
            let bound = if class == Class::Large { self.large } else { usize::MAX };
            let mut window = Window::new(class, bound);
            if self.processes > 1 {
                window.shrink_to(window.window() / self.processes);
            }
            table.windows.push(window);
            table.queues_of.push(Vec::new());
        }
        Windows { permits: self.clone(), first }
    }

    /// Waits until all of `windows` have room.
    ///
    /// # Errors
    /// If one of the windows was given up.
    pub(crate) async fn acquire(
        &self,
        mut windows: Vec<WindowId>,
        request: PermitRequest,
    ) -> Result<Permit, WindowClosed> {
        windows.sort_unstable();
        windows.dedup();
        let (admit, admitted) = oneshot::channel();
        let undelivered = {
            let mut table = self.lock();
            table.enqueue(windows.clone(), request, admit);
            table.admit(&windows, self)
        };
        drop(undelivered);
        // The table outlives this future and keeps the sender, so the channel always gets an
        // answer.
        let window = windows[0];
        admitted.await.unwrap_or(Err(WindowClosed { window, reason: GaveUp::MaxWaitSpent }))
    }

    /// Admits the waiters that have room now.
    fn admit(&self, windows: &[WindowId]) {
        let undelivered = self.lock().admit(windows, self);
        // Dropping a permit locks the table, so undelivered permits are dropped after the lock.
        drop(undelivered);
    }

    /// Admits waiters again when the pause of `window` ends.
    fn admit_after(&self, window: WindowId, pause: Duration) {
        let permits = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            permits.admit(&[window]);
        });
    }
}

impl Table {
    fn enqueue(
        &mut self,
        windows: Vec<WindowId>,
        request: PermitRequest,
        admit: oneshot::Sender<Result<Permit, WindowClosed>>,
    ) {
        let next = self.queues.len();
        let queue = *self.queue_of.entry(windows.clone()).or_insert(next);
        if queue == next {
            windows.iter().for_each(|window| self.queues_of[window.0].push(queue));
            self.queues.push(Queue { windows, ..Queue::default() });
        }
        let age = (request.image, self.arrivals);
        self.arrivals += 1;
        let queue = &mut self.queues[queue];
        queue.by_size.insert((request.size, age));
        queue.by_age.insert(age, Waiter { size: request.size, admit });
    }

    /// Admits the waiters that have room in `windows` now, oldest first.
    ///
    /// Returns the permits whose waiter is gone.
    fn admit(
        &mut self,
        windows: &[WindowId],
        permits: &Permits,
    ) -> Vec<Result<Permit, WindowClosed>> {
        let now = Instant::now();
        let mut undelivered = Vec::new();
        let mut queues: Vec<usize> =
            windows.iter().flat_map(|window| self.queues_of[window.0].iter().copied()).collect();
        queues.sort_unstable();
        queues.dedup();
        loop {
            let oldest = queues
                .iter()
                .filter_map(|&queue| Some((*self.queues[queue].by_age.keys().next()?, queue)))
                .filter(|&(_, queue)| self.can_answer(queue, now))
                .min();
            let next = oldest.and_then(|(_, queue)| self.admit_next(queue, permits));
            let Some((waiter, answer)) = next else { return undelivered };
            undelivered.extend(waiter.admit.send(answer).err());
        }
    }

    /// Whether the next waiter of `queue` can get an answer: a permit, or the news that a window
    /// was given up.
    fn can_answer(&self, queue: usize, now: Instant) -> bool {
        let windows = &self.queues[queue].windows;
        self.closed(windows).is_some()
            || windows.iter().all(|window| self.windows[window.0].has_room(now))
    }

    fn closed(&self, windows: &[WindowId]) -> Option<WindowClosed> {
        windows.iter().find_map(|&window| {
            let reason = self.windows[window.0].pause.given_up()?;
            Some(WindowClosed { window, reason })
        })
    }

    /// Removes the next waiter of `queue` and returns it with its answer.
    fn admit_next(
        &mut self,
        queue: usize,
        permits: &Permits,
    ) -> Option<(Waiter, Result<Permit, WindowClosed>)> {
        let windows = self.queues[queue].windows.clone();
        let closed = self.closed(&windows);
        let (age, by_size) = self.pick(queue)?;
        let queue = &mut self.queues[queue];
        let waiter = queue.by_age.remove(&age)?;
        queue.by_size.remove(&(waiter.size, age));
        if let Some(closed) = closed {
            return Some((waiter, Err(closed)));
        }
        let huge = waiter.size > HUGE;
        for window in &windows {
            let window = &mut self.windows[window.0];
            window.in_use += 1;
            window.admitted_by_size += usize::from(by_size);
            window.huge += usize::from(huge);
        }
        Some((
            waiter,
            Ok(Permit { permits: permits.clone(), windows, admitted_by_size: by_size, huge }),
        ))
    }

    /// Picks the next waiter of `queue`, and tells whether it was picked for its size.
    fn pick(&self, queue: usize) -> Option<(Age, bool)> {
        let Queue { windows, by_age, by_size } = &self.queues[queue];
        let below_half = |count: fn(&Window) -> usize| {
            windows
                .iter()
                .all(|window| count(&self.windows[window.0]) < self.windows[window.0].window() / 2)
        };
        let may_be_huge = below_half(|window| window.huge);
        let fits = |size: u64| size <= HUGE || may_be_huge;
        let largest = by_size.iter().rev().find(|(size, _)| *size > 0 && fits(*size));
        if let Some((_, age)) = largest.filter(|_| below_half(|window| window.admitted_by_size)) {
            return Some((*age, true));
        }
        let oldest = by_age.iter().find(|(_, waiter)| fits(waiter.size));
        let (age, _) = oldest.or_else(|| by_age.iter().next())?;
        Some((*age, false))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut table = self.permits.lock();
            for window in &self.windows {
                let window = &mut table.windows[window.0];
                window.in_use -= 1;
                window.admitted_by_size -= usize::from(self.admitted_by_size);
                window.huge -= usize::from(self.huge);
            }
        }
        self.permits.admit(&self.windows);
    }
}

/// The windows of one registry.
#[derive(Debug)]
pub(crate) struct Windows {
    permits: Permits,
    first: usize,
}

impl Windows {
    /// The permits of all registries of the run.
    pub(crate) const fn permits(&self) -> &Permits {
        &self.permits
    }

    /// The window of `class`.
    pub(crate) const fn of(&self, class: Class) -> WindowId {
        WindowId(self.first + class as usize)
    }

    /// Waits until one request of `class` is admitted.
    ///
    /// # Errors
    /// If the window was given up.
    pub(crate) async fn enter(&self, class: Class) -> Result<Permit, WindowClosed> {
        self.permits.acquire(vec![self.of(class)], PermitRequest { image: 0, size: 0 }).await
    }

    /// Records a success in `class`, which may grow its window.
    pub(crate) fn succeeded(&self, class: Class) {
        self.permits.lock().windows[self.of(class).0].succeeded();
    }

    /// Records that a request sent at `sent` overloaded the registry, which may halve the window.
    pub(crate) fn overloaded(&self, class: Class, sent: Instant) {
        self.permits.lock().windows[self.of(class).0].overloaded(sent, Instant::now());
    }

    /// Shrinks the window of `class` to at most `count` requests; it may grow again.
    pub(crate) fn shrink_to(&self, class: Class, count: usize) {
        self.permits.lock().windows[self.of(class).0].shrink_to(count);
    }

    /// Records an answer in `class` that was not a throttle, success or not.
    pub(crate) fn not_throttled(&self, class: Class) {
        self.permits.lock().windows[self.of(class).0].pause.not_throttled();
    }

    /// Records a throttled request of `class` that was sent at `sent`, with its `Retry-After`
    /// (`asked`).
    ///
    /// Pauses `class` and `others`.
    ///
    /// # Errors
    /// If the pause exceeds `--max-wait`. The paused classes are then given up for the rest of the
    /// run.
    pub(crate) fn throttled(
        &self,
        class: Class,
        others: &[Class],
        asked: Option<Duration>,
        sent: Instant,
    ) -> Result<Paused, GaveUp> {
        let (now, own) = (Instant::now(), self.of(class));
        let mut windows: Vec<WindowId> = others.iter().map(|class| self.of(*class)).collect();
        windows.push(own);
        let mut table = self.permits.lock();
        let pause = &mut table.windows[own.0].pause;
        let before = pause.remaining(now);
        let limit = pause.throttled(asked, sent, self.permits.max_wait, now);
        if limit == Err(GaveUp::MaxWaitSpent) {
            // Only this class spent its wait; the others may still get answers.
            windows = vec![own];
        }
        for window in &windows {
            let pause = &mut table.windows[window.0].pause;
            match limit {
                Ok(long) => pause.extend_until(now + long),
                Err(why) => pause.give_up(why),
            }
        }
        drop(table);
        if limit.is_err() {
            // Tells the waiters.
            self.permits.admit(&windows);
        }
        let long = limit?;
        windows.into_iter().for_each(|window| self.permits.admit_after(window, long));
        let added = long.saturating_sub(before.unwrap_or_default());
        Ok(Paused { added, is_new: before.is_none() && !added.is_zero(), length: long })
    }

    /// Pauses `classes`, because another process was throttled; never longer than `--max-wait`.
    pub(crate) fn pause(&self, classes: &[Class], length: Duration) {
        let length = length.min(self.permits.max_wait);
        let windows: Vec<WindowId> = classes.iter().map(|class| self.of(*class)).collect();
        let until = Instant::now() + length;
        let mut table = self.permits.lock();
        for window in &windows {
            table.windows[window.0].pause.extend_until(until);
        }
        drop(table);
        windows.into_iter().for_each(|window| self.permits.admit_after(window, length));
    }
}

/// The effect of a throttled answer on the pause of a class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paused {
    /// How much longer the pause became.
    pub(crate) added: Duration,
    /// Whether no pause was active before.
    pub(crate) is_new: bool,
    /// How long the class pauses from now on.
    pub(crate) length: Duration,
}

#[cfg(test)]
mod tests;
