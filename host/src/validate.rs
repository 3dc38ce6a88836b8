//! Compares destinations with their sources.
