//! The built-in chart renderer: it renders the example charts as `helm template` does, and says where bad
//! charts are wrong.

mod bad_charts;
pub(crate) mod renderer;
mod same_as_helm;
