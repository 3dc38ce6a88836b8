//! The generated code for exporting `list-render`.

#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::too_many_lines,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    reason = "wit-bindgen writes this code"
)]
pub mod generated;

pub use generated::exports::longshore::plugin::list_render::Guest;
