//! Charges calls for their CPU time, including the time in which the host works for the guest.
//!
//! The clock of the thread decides, and not the ticks at which a guest yields. One host call, or one instruction
//! that fills a memory, may take many ticks. On a busy machine, most of a tick may belong to other programs.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, timeout_at};

use super::run_use::RunUse;

/// The time that a call may still take.
#[derive(Clone)]
pub(crate) struct CallTime {
    /// The end of the call.
    pub(crate) deadline: Instant,
    /// CPU time.
    pub(crate) cpu: Duration,
    /// What the run has left for the component.
    pub(crate) run: Arc<RunUse>,
}

/// Which time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfTime {
    /// The call took too long.
    Wall,
    /// The call used too much CPU time.
    Cpu,
    /// All calls of the run used too much CPU time together.
    RunCpu,
}

impl CallTime {
    /// Awaits `work`, a part of the call, and charges the CPU time of this thread.
    pub(crate) async fn spend<T>(&mut self, work: impl Future<Output = T>) -> Result<T, OutOfTime> {
        let deadline = self.deadline;
        let mut work = pin!(work);
        // The guest yields at each tick, so that this runs often.
        let charged = std::future::poll_fn(|context| {
            let before = thread_time();
            let polled = work.as_mut().poll(context);
            let used = thread_time().saturating_sub(before);
            if !self.run.take_cpu(used) {
                return Poll::Ready(Err(OutOfTime::RunCpu));
            }
            match self.cpu.checked_sub(used) {
                Some(left) if !left.is_zero() => self.cpu = left,
                _ => return Poll::Ready(Err(OutOfTime::Cpu)),
            }
            polled.map(Ok)
        });
        timeout_at(deadline, charged).await.unwrap_or(Err(OutOfTime::Wall))
    }
}

/// The CPU time that this thread has used.
fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{CallTime, OutOfTime, thread_time};
    use crate::Limits;
    use crate::sandbox::run_use::RunUse;

    fn time(cpu: Duration, run_cpu: Duration, wall: Duration) -> CallTime {
        let limits = Limits { run_cpu, ..Limits::default() };
        let run = Arc::new(RunUse::new(&limits));
        CallTime { deadline: tokio::time::Instant::now() + wall, cpu, run }
    }

    /// Computes for this much CPU time in pieces, as a guest that yields does.
    async fn compute(duration: Duration) {
        let start = thread_time();
        while thread_time() - start < duration {
            let piece = Instant::now();
            while piece.elapsed() < Duration::from_millis(1) {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        }
    }

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(100);

    #[tokio::test]
    async fn computing_is_charged_and_waiting_is_not() {
        let mut waits = time(SHORT, SHORT, LONG);
        assert_eq!(waits.spend(tokio::time::sleep(SHORT * 2)).await, Ok(()));
        assert_eq!(time(SHORT, LONG, LONG).spend(compute(LONG)).await, Err(OutOfTime::Cpu));
        assert_eq!(time(LONG, SHORT, LONG).spend(compute(LONG)).await, Err(OutOfTime::RunCpu));
        assert_eq!(time(LONG, LONG, SHORT).spend(compute(LONG)).await, Err(OutOfTime::Wall));
        let never = std::future::pending::<()>();
        assert_eq!(time(LONG, LONG, SHORT).spend(never).await, Err(OutOfTime::Wall));
    }

    #[tokio::test]
    async fn the_parts_of_a_call_are_charged_together() {
        let mut call = time(SHORT, LONG, LONG);
        assert_eq!(call.spend(compute(SHORT / 2)).await, Ok(()));
        assert_eq!(call.spend(compute(SHORT)).await, Err(OutOfTime::Cpu));
        let mut one = time(LONG, SHORT, LONG);
        let mut other = one.clone();
        assert_eq!(one.spend(compute(SHORT / 2)).await, Ok(()));
        assert_eq!(other.spend(compute(SHORT)).await, Err(OutOfTime::RunCpu));
    }

    #[tokio::test]
    async fn one_long_poll_is_charged_in_full() {
        let mut call = time(SHORT, LONG, LONG);
        let work = async {
            let start = thread_time();
            while thread_time() - start < SHORT * 2 {
                std::hint::spin_loop();
            }
        };
        assert_eq!(call.spend(work).await, Err(OutOfTime::Cpu));
    }
}
