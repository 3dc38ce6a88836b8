//! Runs `longshore worker`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Exit, Fatal};
use crate::flags::Worker as Flags;
use crate::report::{Log, escape};
use crate::setup::{Caches, Hangup, OwnStores, connect, listen, listener, machine};
use longshore_engine::event::Level;
use longshore_fleet::{Connection, FleetError, Metrics, Worker, WorkerOptions};

/// The first and the longest pause between attempts to reach NATS.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// The longest name of a worker, in characters.
const NAME: usize = 64;

/// Takes part in runs until an interrupt.
pub(crate) async fn run(flags: Flags, log: &Log) -> Result<Exit, Fatal> {
    let mut interrupt = listen(Hangup::Stops)?;
    let name = flags.name.filter(|name| !name.is_empty()).unwrap_or_else(machine);
    let name: String = escape(&name).chars().take(NAME).collect();
    let opener = OwnStores::of_environment(Caches::of_environment(), flags.jobs, log).await?;
    let metrics = Arc::<Metrics>::default();
    if let Some(address) = flags.listen {
        let metrics = Arc::clone(&metrics);
        let listening = listener::answer(address, move || metrics.text()).await;
        let address = listening.map_err(|error| Fatal::Listen { address, error })?;
        log.tell(&format!("/healthz and /metrics are at http://{address}"));
    }
    let connection = tokio::select! {
        connection = patiently(&flags.fleet, flags.fleet_creds, &name, log) => connection?,
        () = interrupt.raised() => return Ok(Exit::Done),
    };
    let options = WorkerOptions { name, jobs: flags.jobs, run: flags.run };
    Worker::new(connection, options, Box::new(opener), metrics).serve(interrupt).await?;
    log.write(Level::Info, "ended");
    Ok(Exit::Done)
}

/// Connects to NATS, and waits for a server that cannot be reached: a worker may start before it.
async fn patiently(
    url: &str,
    credentials: Option<PathBuf>,
    name: &str,
    log: &Log,
) -> Result<Connection, Fatal> {
    let mut pause = AGAIN.0;
    loop {
        match connect(url, credentials.clone(), name).await {
            Err(Fatal::Fleet(error @ FleetError::Connect { .. })) => {
                let text = format!("failed to {error}; trying again in {} s", pause.as_secs());
                log.warning(&text, error.hint());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(AGAIN.1);
            }
            connected => return connected,
        }
    }
}
