//! The report of `mirror-charts`: chart by chart on standard error, then the summary or one document on
//! standard output. The texts and fields are those of lazyoci's `mirror`.

mod document;
mod finished;
mod model;
mod page;
mod reporter;
mod summary;
mod text;

pub(crate) use finished::ChartReport;
pub(crate) use model::{
    ChartFailure, ChartGroup, ChartPlan, ChartVersion, ImageUse, NotMoved, Place, UnusedImage,
    WrittenOverlay,
};
pub(crate) use reporter::ChartReporter;
