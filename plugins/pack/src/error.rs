//! Errors of reading and appending plugin metadata.

/// Explains why metadata cannot be read or appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The bytes do not start with the WebAssembly magic number.
    #[error("read a component: the bytes are not a WebAssembly binary")]
    NoWebAssembly,
    /// The bytes are a core module that was not made into a component.
    #[error("read a component: this is a core WebAssembly module, not a component")]
    CoreModule,
    /// The component uses a binary format that this crate does not know.
    #[error("read a component: unknown binary version {version} of layer {layer}")]
    Version {
        /// The version in the preamble. Only 13 is known.
        version: u16,
        /// The layer in the preamble. Components have 1.
        layer: u16,
    },
    /// A length reaches beyond the end or is not a valid number.
    #[error("read a component: truncated in the section at byte {offset}")]
    Broken {
        /// Where the section starts.
        offset: usize,
    },
    /// The component already has a metadata section, or has two.
    #[error("read plugin metadata: the component has more than one section `longshore:plugin`")]
    Twice,
    /// The component has no metadata section.
    #[error("read plugin metadata: the component has no section `longshore:plugin`")]
    NoMetadata,
    /// The JSON is larger than [`MAX_METADATA`](crate::MAX_METADATA).
    #[error("read plugin metadata: {size} bytes, at most 65536 are allowed")]
    TooLarge {
        /// The size of the JSON in bytes.
        size: usize,
    },
    /// The JSON does not parse or has another shape.
    #[error("read plugin metadata: {0}")]
    Json(#[source] serde_json::Error),
    /// A name has characters that are not allowed.
    #[error(
        "read plugin metadata: {what} {name:?} must be lower-case words of letters and digits \
         joined by single hyphens, at most 64 characters"
    )]
    Name {
        /// The field that holds the name.
        what: &'static str,
        /// The name, shortened and escaped for display.
        name: String,
    },
    /// The exchange names an endpoint that the metadata does not declare.
    #[error("read plugin metadata: the exchange names the unknown endpoint {name:?}")]
    ExchangeEndpoint {
        /// The name.
        name: String,
    },
    /// Two endpoints have the same name.
    #[error("read plugin metadata: endpoint {name:?} is declared twice")]
    EndpointTwice {
        /// The endpoint's name.
        name: String,
    },
}
