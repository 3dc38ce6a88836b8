//! Copies jobs from source to destination.
