//! Which refused tokens are worth a new one.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use reqwest::{Method, StatusCode};

/// After so many renewals in a row that did not help, the registry means its refusals.
const USELESS: u32 = 3;

/// What a request does with a token. A token may allow one and not the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
}

impl Use {
    /// What a request with this method does.
    pub(crate) fn of(method: &Method) -> Self {
        if matches!(*method, Method::GET | Method::HEAD) { Self::Read } else { Self::Write }
    }
}

/// What a token was used for with success.
#[derive(Debug, Default)]
pub(crate) struct Worked {
    reads: AtomicBool,
    writes: AtomicBool,
}

impl Worked {
    /// Records a success.
    pub(crate) fn record(&self, by: Use) {
        let of_use = match by {
            Use::Read => &self.reads,
            Use::Write => &self.writes,
        };
        of_use.store(true, Ordering::Relaxed);
    }

    /// Whether this use succeeded.
    pub(crate) fn has(&self, by: Use) -> bool {
        match by {
            Use::Read => self.reads.load(Ordering::Relaxed),
            Use::Write => self.writes.load(Ordering::Relaxed),
        }
    }

    /// Whether any use succeeded.
    pub(crate) fn has_any(&self) -> bool {
        self.has(Use::Read) || self.has(Use::Write)
    }
}

/// Counts the renewals at one registry that did not help.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    useless: AtomicU32,
}

impl Renewals {
    /// Records how the registry answered a request with a token that replaced a refused one.
    pub(crate) fn answered(&self, status: StatusCode) {
        match status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.useless.fetch_add(1, Ordering::Relaxed);
            }
            status if status.is_success() => self.useless.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Whether a token that replaced another, and worked, is worth a new one too.
    pub(crate) fn help(&self) -> bool {
        self.useless.load(Ordering::Relaxed) < USELESS
    }
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, StatusCode};

    use super::{Renewals, Use, Worked};

    #[test]
    fn reads_and_writes_work_apart() {
        for (method, by) in [
            (Method::GET, Use::Read),
            (Method::HEAD, Use::Read),
            (Method::PUT, Use::Write),
            (Method::POST, Use::Write),
            (Method::PATCH, Use::Write),
            (Method::DELETE, Use::Write),
        ] {
            assert_eq!(Use::of(&method), by, "{method}");
        }
        let worked = Worked::default();
        assert!(!worked.has_any());
        worked.record(Use::Read);
        assert!(worked.has(Use::Read) && !worked.has(Use::Write) && worked.has_any());
        worked.record(Use::Write);
        assert!(worked.has(Use::Write));
    }

    #[test]
    fn renewals_that_never_help_end() {
        let renewals = Renewals::default();
        let refuse = |statuses: &[u16]| {
            for &status in statuses {
                renewals.answered(StatusCode::from_u16(status).unwrap());
            }
        };
        refuse(&[401, 403]);
        assert!(renewals.help());
        refuse(&[500, 404]);
        assert!(renewals.help(), "an answer of another kind tells nothing");
        refuse(&[400]);
        assert!(!renewals.help());
        refuse(&[201]);
        assert!(renewals.help(), "one that helped");
    }
}
