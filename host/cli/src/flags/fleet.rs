//! Flags of runs that several machines share.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::values::{address, jobs};
use longshore_fleet::RunName;

/// The flags of a coordinator, which `mirror` and `mirror-validate` share.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FleetFlags {
    /// Share the work among all `longshore worker`s at the NATS server URL, such as nats://HOST:4222 or
    /// tls://HOST:4222 [default: this machine does everything]
    #[arg(
        long,
        value_name = "URL",
        env = "LONGSHORE_FLEET",
        hide_env_values = true,
        help_heading = "Fleet options"
    )]
    pub(crate) fleet: Option<String>,
    /// Call the run of --fleet NAME, in letters, digits, - and _ [default: a name that follows from the list
    /// and the flags, so that the same command finds its run again]
    #[arg(long, value_name = "NAME", help_heading = "Fleet options")]
    pub(crate) run: Option<RunName>,
    /// Read the credentials of the NATS user from FILE, in the format of .creds files [default: those in
    /// the URL, else none]
    #[arg(long, value_name = "FILE", help_heading = "Fleet options")]
    pub(crate) fleet_creds: Option<PathBuf>,
}

/// Work on the runs that mirror --fleet and mirror-validate --fleet share
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore worker --fleet nats://nats.example.com:4222 -j 16 --listen 0.0.0.0:9090
  longshore worker --fleet tls://nats.example.com:4222 --fleet-creds worker.creds --run nightly

A worker takes part in one run after the other until it gets SIGTERM or Ctrl-C; then it gives its \
images back, and other workers go on with them. It reads its own credentials, proxies and certificates, \
as mirror does; the options of a run come from its coordinator. docs/fleet.md describes fleets.
Exit codes: 0 ended by a signal, 2 the usage or configuration is wrong, or NATS refuses the user.")]
pub(crate) struct Worker {
    /// Work for the runs at the NATS server URL, such as nats://HOST:4222 or tls://HOST:4222
    #[arg(long, value_name = "URL", env = "LONGSHORE_FLEET", hide_env_values = true)]
    pub(crate) fleet: String,
    /// Work for the run NAME only [default: any run]
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<RunName>,
    /// Read the credentials of the NATS user from FILE, in the format of .creds files [default: those in
    /// the URL, else none]
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet_creds: Option<PathBuf>,
    /// Process at most N images at once
    #[arg(short, long, value_name = "N", default_value = "8", value_parser = jobs, allow_negative_numbers = true)]
    pub(crate) jobs: usize,
    /// Call the worker NAME in logs and reports [default: the name of the machine]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Answer /healthz and, for Prometheus, /metrics at ADDRESS, an address with a port; port 0 picks a
    /// free port and prints it [default: do not listen]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
}
