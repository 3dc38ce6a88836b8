//! Resolves arguments, environment, settings file and defaults into one value.
