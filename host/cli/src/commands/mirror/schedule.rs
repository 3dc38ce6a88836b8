//! `--every`: runs again and again, until a signal ends it.

mod status;

use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use longshore_engine::event::Level;
use tokio::signal::unix::{SignalKind, signal};

use self::status::{Ended, RunStatus};
use super::session::Session;
use super::{Completed, run_list};
use crate::error::{Exit, Fatal};
use crate::list;
use crate::setup::listener;

/// The longest that a run is put off, so that many machines do not start at once.
const LONGEST_JITTER: Duration = Duration::from_mins(10);

/// Runs the list at `path` every `every`, one run after the other.
///
/// # Errors
/// If the first run cannot start, or the listener cannot. A later run that cannot start is logged.
pub(super) async fn run(mut session: Session, path: &Path, every: Duration) -> Result<Exit, Fatal> {
    let mut hangups = signal(SignalKind::hangup())?;
    let status = RunStatus::default();
    if let Some(address) = session.settings.list.schedule.listen {
        let listening = listener::answer(address, status.clone()).await;
        let address = listening.map_err(|error| Fatal::Listen { address, error })?;
        let text = format!("/healthz, /readyz and /metrics are at http://{address}");
        session.log.tell(&text);
    }
    let mut interrupt = session.interrupt.clone();
    for number in 1_u64.. {
        let (began, at) = (Instant::now(), SystemTime::now());
        status.begin();
        let ended = once(&mut session, path, &status).await;
        let wait = (every + jitter(every)).saturating_sub(began.elapsed());
        let next = SystemTime::now() + wait;
        match ended {
            Ok(Completed { exit: Exit::Interrupted, .. }) => return Ok(Exit::Interrupted),
            Ok(Completed { exit, totals }) => {
                let is_well = exit == Exit::Done;
                status.end(Ended { began: at, took: began.elapsed(), next, is_well, totals });
            }
            Err(error) if number == 1 => return Err(error),
            Err(error) => {
                status.fail(next);
                let text = format!("failed to {error}; nothing was done in this run");
                session.log.failure(None, &text, error.hint().as_deref());
            }
        }
        let text = format!("run {number} is over; the next one starts in {}", shown(wait));
        session.log.write(Level::Info, &text);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = hangups.recv() => session.log.write(Level::Info, "SIGHUP: the list is read again"),
            () = interrupt.raised() => break,
        }
    }
    Ok(Exit::Done)
}

/// Reads the list, and runs it.
async fn once(session: &mut Session, path: &Path, status: &RunStatus) -> Result<Completed, Fatal> {
    let mut interrupt = session.interrupt.clone();
    match list::read_file(path, &mut interrupt).await? {
        Some(text) => run_list(session, text, || status.is_planned()).await,
        None => Ok(Completed::interrupted()),
    }
}

/// Returns a random time of at most a tenth of `every`.
fn jitter(every: Duration) -> Duration {
    let most = (every / 10).min(LONGEST_JITTER);
    // Each state of the hasher has random keys.
    let random = RandomState::new().hash_one(0_u8);
    let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % millis.saturating_add(1))
}

/// Formats a time in whole seconds, as `1h 30m`.
fn shown(time: Duration) -> String {
    let time = Duration::from_secs(time.as_secs());
    jiff::fmt::friendly::SpanPrinter::new().unsigned_duration_to_string(&time)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST_JITTER, jitter, shown};

    #[test]
    fn a_run_is_put_off_by_a_tenth_at_most() {
        for (every, most) in [
            (Duration::from_secs(1), Duration::from_millis(100)),
            (Duration::from_mins(5), Duration::from_secs(30)),
            (Duration::from_hours(48), LONGEST_JITTER),
            (Duration::ZERO, Duration::ZERO),
        ] {
            let all: Vec<Duration> = (0..200).map(|_| jitter(every)).collect();
            assert!(all.iter().all(|time| *time <= most), "{every:?}: {all:?}");
            let varies = all.iter().any(|time| time != &all[0]);
            assert_eq!(varies, !most.is_zero(), "{every:?}");
        }
    }

    #[test]
    fn a_wait_is_shown_in_whole_seconds() {
        assert_eq!(shown(Duration::from_millis(5_400_900)), "1h 30m");
        assert_eq!(shown(Duration::from_millis(59_900)), "59s");
        assert_eq!(shown(Duration::from_millis(900)), "0s");
    }
}
