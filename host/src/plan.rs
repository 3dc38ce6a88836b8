//! Turns the entries of a list into jobs.
