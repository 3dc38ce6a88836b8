//! The report of a run: its figures in documents.

mod figures;
