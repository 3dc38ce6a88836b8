//! The report of a run: its figures in documents, and the page.

mod browsing;
mod figures;
mod page;
