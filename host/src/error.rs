//! Exit codes and hints.
