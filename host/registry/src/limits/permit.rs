//! Permits: who may use a registry now.
//!
//! A transfer needs one at both ends and takes them in one step; nobody who holds one waits for
//! another. So there is no circle of waiters, whatever the limits are (engine.md, section 2).
//!
//! Oldest image first; half of the places are for the largest blob that is ready, which would keep the
//! end waiting otherwise; blobs above 1 GiB take no more than half of them while others are ready.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::limits::pause::TooLong;
use crate::limits::window::{Class, Window};

/// A blob above this size is huge, in bytes.
const HUGE: u64 = 1024 * 1024 * 1024;

/// One class at one registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WindowId(usize);

/// What waits is ordered by its image, and then by its arrival.
type Age = (u32, u64);

/// Who wants in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// The number of the image that it is for: lower ones are older.
    pub(crate) image: u32,
    /// Bytes to transfer; 0 where it is not a blob.
    pub(crate) size: u64,
}

/// A window that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shut {
    /// Which one it is.
    pub(crate) window: WindowId,
    /// Why nobody waits for it.
    pub(crate) why: TooLong,
}

#[derive(Debug)]
struct Waiting {
    size: u64,
    admit: oneshot::Sender<Result<Permit, Shut>>,
}

/// Those who wait for the same windows.
#[derive(Debug, Default)]
struct Queue {
    windows: Vec<WindowId>,
    by_age: BTreeMap<Age, Waiting>,
    by_size: BTreeSet<(u64, Age)>,
}

#[derive(Debug, Default)]
struct Table {
    windows: Vec<Window>,
    /// The queues that a window's room matters to.
    queues_of: Vec<Vec<usize>>,
    queues: Vec<Queue>,
    queue_of: HashMap<Vec<WindowId>, usize>,
    arrivals: u64,
}

/// The permits of all registries of a run. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Permits {
    table: Arc<Mutex<Table>>,
    max_wait: Duration,
    /// No registry has more large transfers than this.
    large: usize,
}

/// The right to use what was claimed; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    permits: Permits,
    windows: Vec<WindowId>,
    by_size: bool,
    huge: bool,
}

impl Permits {
    /// Permits with at most `large` transfers of large blobs for each registry; a pause above
    /// `max_wait` is not waited for.
    pub(crate) fn new(large: usize, max_wait: Duration) -> Self {
        Self { table: Arc::default(), max_wait, large }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The windows of one more registry.
    pub(crate) fn register(&self) -> Windows {
        let mut table = self.lock();
        let first = table.windows.len();
        for class in Class::ALL {
            let bound = if class == Class::Large { self.large } else { usize::MAX };
            table.windows.push(Window::new(class, bound));
            table.queues_of.push(Vec::new());
        }
        Windows { permits: self.clone(), first }
    }

    /// Waits for room in all of `windows` at once.
    ///
    /// # Errors
    /// Where one of them stands still for longer than anybody waits.
    pub(crate) async fn claim(
        &self,
        mut windows: Vec<WindowId>,
        claim: Claim,
    ) -> Result<Permit, Shut> {
        windows.sort_unstable();
        windows.dedup();
        let (admit, admitted) = oneshot::channel();
        let unwanted = {
            let mut table = self.lock();
            table.enqueue(windows.clone(), claim, admit);
            table.admit(&windows, self)
        };
        drop(unwanted);
        // The sender is in the table, which outlives this; a pause that is too long answers too.
        let window = windows[0];
        admitted.await.unwrap_or(Err(Shut { window, why: TooLong::Waited }))
    }

    /// Lets in whoever has room now.
    fn admit(&self, windows: &[WindowId]) {
        let unwanted = self.lock().admit(windows, self);
        // What nobody waits for any more is given back here, outside of the lock.
        drop(unwanted);
    }

    /// Lets in again when the pause of a window is over.
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
        claim: Claim,
        admit: oneshot::Sender<Result<Permit, Shut>>,
    ) {
        let next = self.queues.len();
        let queue = *self.queue_of.entry(windows.clone()).or_insert(next);
        if queue == next {
            windows.iter().for_each(|window| self.queues_of[window.0].push(queue));
            self.queues.push(Queue { windows, ..Queue::default() });
        }
        let age = (claim.image, self.arrivals);
        self.arrivals += 1;
        let queue = &mut self.queues[queue];
        queue.by_size.insert((claim.size, age));
        queue.by_age.insert(age, Waiting { size: claim.size, admit });
    }

    /// Lets in whoever has room in `windows` now, the oldest first; answers with the permits that
    /// nobody waits for any more.
    fn admit(&mut self, windows: &[WindowId], permits: &Permits) -> Vec<Result<Permit, Shut>> {
        let now = Instant::now();
        let mut unwanted = Vec::new();
        let mut queues: Vec<usize> =
            windows.iter().flat_map(|window| self.queues_of[window.0].iter().copied()).collect();
        queues.sort_unstable();
        queues.dedup();
        loop {
            let oldest = queues
                .iter()
                .filter_map(|&queue| Some((*self.queues[queue].by_age.keys().next()?, queue)))
                .filter(|&(_, queue)| self.is_open(queue, now))
                .min();
            let next = oldest.and_then(|(_, queue)| self.let_in(queue, permits));
            let Some((waiting, answer)) = next else { return unwanted };
            unwanted.extend(waiting.admit.send(answer).err());
        }
    }

    /// Is there somebody to be told something in `queue`: that there is room, or that there will
    /// be none?
    fn is_open(&self, queue: usize, now: Instant) -> bool {
        let windows = &self.queues[queue].windows;
        self.shut(windows).is_some()
            || windows.iter().all(|window| self.windows[window.0].has_room(now))
    }

    fn shut(&self, windows: &[WindowId]) -> Option<Shut> {
        windows.iter().find_map(|&window| {
            let why = self.windows[window.0].pause.given_up()?;
            Some(Shut { window, why })
        })
    }

    /// Takes the next one out of `queue`, with what it is told.
    fn let_in(
        &mut self,
        queue: usize,
        permits: &Permits,
    ) -> Option<(Waiting, Result<Permit, Shut>)> {
        let windows = self.queues[queue].windows.clone();
        let shut = self.shut(&windows);
        let (age, by_size) = self.choose(queue)?;
        let queue = &mut self.queues[queue];
        let waiting = queue.by_age.remove(&age)?;
        queue.by_size.remove(&(waiting.size, age));
        if let Some(shut) = shut {
            return Some((waiting, Err(shut)));
        }
        let huge = waiting.size > HUGE;
        for window in &windows {
            let window = &mut self.windows[window.0];
            window.in_use += 1;
            window.by_size += usize::from(by_size);
            window.huge += usize::from(huge);
        }
        Some((waiting, Ok(Permit { permits: permits.clone(), windows, by_size, huge })))
    }

    /// Who is next in `queue`, and whether for its size.
    fn choose(&self, queue: usize) -> Option<(Age, bool)> {
        let Queue { windows, by_age, by_size } = &self.queues[queue];
        let below_half = |count: fn(&Window) -> usize| {
            windows
                .iter()
                .all(|window| count(&self.windows[window.0]) < self.windows[window.0].window() / 2)
        };
        let may_be_huge = below_half(|window| window.huge);
        let fits = |size: u64| size <= HUGE || may_be_huge;
        let largest = by_size.iter().rev().find(|(size, _)| *size > 0 && fits(*size));
        if let Some((_, age)) = largest.filter(|_| below_half(|window| window.by_size)) {
            return Some((*age, true));
        }
        let oldest = by_age.iter().find(|(_, waiting)| fits(waiting.size));
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
                window.by_size -= usize::from(self.by_size);
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

    /// Waits for room for one request.
    ///
    /// # Errors
    /// Where the registry limits requests for longer than anybody waits.
    pub(crate) async fn enter(&self, class: Class) -> Result<Permit, Shut> {
        self.permits.claim(vec![self.of(class)], Claim { image: 0, size: 0 }).await
    }

    /// What was sent within `class` went well.
    pub(crate) fn succeeded(&self, class: Class) {
        self.permits.lock().windows[self.of(class).0].succeeded();
    }

    /// The registry was overrun by what was sent at `sent`.
    pub(crate) fn overrun(&self, class: Class, sent: Instant) {
        self.permits.lock().windows[self.of(class).0].overrun(sent, Instant::now());
    }

    /// No more than `count` of `class` at once for now.
    pub(crate) fn shrink_to(&self, class: Class, count: usize) {
        self.permits.lock().windows[self.of(class).0].shrink_to(count);
    }

    /// What was sent within `class` was answered, however.
    pub(crate) fn not_limited(&self, class: Class) {
        self.permits.lock().windows[self.of(class).0].pause.not_limited();
    }

    /// What was sent within `class` at `sent` was one too many, and perhaps a wait is `asked`: nothing of
    /// it, and of `others`, is sent for a while.
    ///
    /// # Errors
    /// Where that takes longer than anybody waits: then nothing more is sent in this run.
    pub(crate) fn limited(
        &self,
        class: Class,
        others: &[Class],
        asked: Option<Duration>,
        sent: Instant,
    ) -> Result<Paused, TooLong> {
        let (now, own) = (Instant::now(), self.of(class));
        let mut windows: Vec<WindowId> = others.iter().map(|class| self.of(*class)).collect();
        windows.push(own);
        let mut table = self.permits.lock();
        let pause = &mut table.windows[own.0].pause;
        let before = pause.left(now);
        let limit = pause.limited(asked, sent, self.permits.max_wait, now);
        if limit == Err(TooLong::Waited) {
            // It was this class that nothing else was said of.
            windows = vec![own];
        }
        for window in &windows {
            let pause = &mut table.windows[window.0].pause;
            match limit {
                Ok(long) => pause.lasts_until(now + long),
                Err(why) => pause.give_up(why),
            }
        }
        drop(table);
        if limit.is_err() {
            // Those who wait are told.
            self.permits.admit(&windows);
        }
        let long = limit?;
        windows.into_iter().for_each(|window| self.permits.admit_after(window, long));
        let longer = long.saturating_sub(before.unwrap_or_default());
        Ok(Paused { longer, is_new: before.is_none() && !longer.is_zero() })
    }
}

/// A pause that a limit asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paused {
    /// How much of it was not known yet.
    pub(crate) longer: Duration,
    /// There was none before.
    pub(crate) is_new: bool,
}

#[cfg(test)]
mod tests;
