//! Errors that end a coordinator or a worker before it has done anything.

/// A fleet cannot be used. Each message completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The address is not one of a NATS server.
    #[error("use --fleet {url:?}: {why}")]
    Address {
        /// The address, without user and password.
        url: String,
        /// The cause.
        why: String,
    },
    /// The file with the credentials cannot be used.
    #[error("read the NATS credentials {path}: {why}")]
    Credentials {
        /// The file.
        path: String,
        /// The cause.
        why: String,
    },
    /// The server cannot be reached.
    #[error("connect to NATS at {url}: {why}")]
    Connect {
        /// The address, without user and password.
        url: String,
        /// The cause.
        why: String,
    },
    /// The server refuses the user.
    #[error("connect to NATS at {url}: the server refuses the user: {why}")]
    Refused {
        /// The address, without user and password.
        url: String,
        /// The cause.
        why: String,
    },
    /// The server is too old, or has no JetStream.
    #[error("use NATS at {url}: {why}")]
    Server {
        /// The address, without user and password.
        url: String,
        /// The cause.
        why: String,
    },
    /// A request to JetStream failed.
    #[error("{operation} on NATS: {why}")]
    JetStream {
        /// What was asked for.
        operation: String,
        /// The cause.
        why: String,
        /// Whether the user lacks a permission.
        is_permission: bool,
    },
    /// Another coordinator runs under this name.
    #[error("coordinate the run {name}: another coordinator does so already ({holder})")]
    AnotherCoordinator {
        /// The run.
        name: String,
        /// The machine and process of the other coordinator.
        holder: String,
    },
    /// The run exists with another list, other options or another version.
    #[error("coordinate the run {name}: it exists with {difference}")]
    AnotherRun {
        /// The run.
        name: String,
        /// What differs.
        difference: String,
    },
    /// Workers have no charts.
    #[error("share the run: only this machine has the charts of the configuration")]
    Charts,
    /// A run on several machines cannot use a folder of one of them.
    #[error("share the run: {folder} is a folder of this machine")]
    Folder {
        /// The store.
        folder: String,
    },
    /// The options do not fit into one message.
    #[error("share the run: its options have {size} bytes, and one message has at most {limit}")]
    TooLarge {
        /// The size of the message, in bytes.
        size: usize,
        /// The largest message, in bytes.
        limit: usize,
    },
}

impl FleetError {
    /// Whether the NATS user lacks a permission.
    pub(crate) const fn is_permission(&self) -> bool {
        matches!(self, Self::JetStream { is_permission: true, .. })
    }

    /// Advice for the user.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Address { .. } => "write nats://HOST:4222, or tls://HOST:4222",
            Self::Credentials { .. } => "give the .creds file of your NATS user with --fleet-creds",
            Self::Connect { why, .. } if why.contains("certificate") => {
                "name a file with the CA of the NATS server in SSL_CERT_FILE, and use an address that its certificate has"
            }
            Self::Connect { why, .. } if why.contains("InvalidContentType") => {
                "the server speaks no TLS at this address: write nats:// in place of tls://"
            }
            Self::Connect { .. } => {
                "start a server with `nats-server -js`, or check the address; a run without --fleet needs none"
            }
            Self::Refused { .. } => {
                "give the credentials of a NATS user with --fleet-creds FILE, or user and password in the address"
            }
            Self::Server { .. } => {
                "use nats-server 2.11 or newer with JetStream (`nats-server -js`) and its default limits"
            }
            Self::JetStream { is_permission: true, .. } => {
                "give the NATS user the permissions of docs/fleet.md"
            }
            Self::JetStream { .. } => {
                "look into the log of the NATS server: it may be away, or its storage may be full"
            }
            Self::AnotherCoordinator { .. } => {
                "wait for its end, or give this run another name with --run NAME"
            }
            Self::AnotherRun { .. } => {
                "repeat the command that started it, or give this run another name with --run NAME"
            }
            Self::Folder { .. } => "leave --fleet out, or serve the folder with `longshore serve`",
            Self::Charts => "leave --fleet out",
            Self::TooLarge { .. } => "prepare fewer repositories at once, or leave --fleet out",
        })
    }
}
