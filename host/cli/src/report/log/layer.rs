//! Shows events of the crate `tracing` as log lines.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::Log;
use crate::report::escape::escape;
use longshore_engine::event::Level;

/// A layer that writes longshore's own tracing events into a [`Log`].
#[derive(Debug)]
pub(crate) struct LogLayer {
    log: Arc<Log>,
}

impl LogLayer {
    /// Creates the layer for `log`.
    pub(crate) const fn new(log: Arc<Log>) -> Self {
        Self { log }
    }

    /// Says whether the log shows an event. Other libraries may log secrets (a URL with a signature, a
    /// header), so only longshore's own targets are shown.
    fn shows(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.most() && metadata.target().starts_with("longshore")
    }

    fn most(&self) -> tracing::Level {
        if self.log.shows(Level::Debug) {
            tracing::Level::DEBUG
        } else if self.log.shows(Level::Info) {
            tracing::Level::INFO
        } else {
            tracing::Level::WARN
        }
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.shows(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.most()))
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        // Another layer of the same subscriber may let more through.
        if !self.shows(metadata) {
            return;
        }
        let level = match *metadata.level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warning,
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        let mut text = Text::default();
        event.record(&mut text);
        // Events for diagnosis have one line each.
        self.log.write(level, &escape(&text.whole()));
    }
}

/// The message of an event, and its other fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn whole(self) -> String {
        self.message + &self.fields
    }

    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ok = match field.name() {
            "message" => self.message.write_fmt(value),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use crate::report::log::tests::log_at_noon;

    fn shown(debug: bool) -> String {
        let (log, page) = log_at_noon(debug, false);
        let subscriber =
            tracing_subscriber::registry().with(super::LogLayer::new(std::sync::Arc::clone(&log)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(tries = 3, host = "a.io", "asked\nagain");
            tracing::info!("plain");
            tracing::warn!(target: "hyper::client", "not ours");
            tracing::error!(target: "longshore::plugin", level = %7, "broken");
            tracing::trace!("never");
        });
        page.text()
    }

    #[test]
    fn our_events_become_records() {
        insta::assert_snapshot!(shown(true), @r"
        12:00:07 [DEBU] asked\nagain tries=3 host=a.io
        12:00:07 [INFO] plain
        12:00:07 [ERRO] broken level=7
        ");
    }

    #[test]
    fn debug_is_quiet_unless_wanted() {
        insta::assert_snapshot!(shown(false), @r"
        12:00:07 [INFO] plain
        12:00:07 [ERRO] broken level=7
        ");
    }
}
