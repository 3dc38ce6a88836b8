//! The JSON schema of the configuration.

/// The schema that `mirror-charts --schema` prints.
pub const SCHEMA: &str = include_str!("schema.json");
