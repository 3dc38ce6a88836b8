//! What can be wrong with a component or its metadata.

/// Why metadata could not be read or appended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The bytes do not start as WebAssembly does.
    #[error("read a component: these bytes are no WebAssembly binary")]
    NoWebAssembly,
    /// A core module, not yet made into a component.
    #[error("read a component: this is a core WebAssembly module, not a component")]
    CoreModule,
    /// A binary format that this crate does not know.
    #[error("read a component: unknown binary version {version} of layer {layer}")]
    Version {
        /// The version in the preamble; 13 is the one that is known.
        version: u16,
        /// The layer in the preamble; 1 are components.
        layer: u16,
    },
    /// A length reaches beyond the end or is no valid number.
    #[error("read a component: it breaks off inside the section at byte {offset}")]
    Broken {
        /// Where the section starts.
        offset: usize,
    },
    /// The metadata section is there already, or twice.
    #[error("read plugin metadata: the component has more than one section `longshore:plugin`")]
    Twice,
    /// More JSON than allowed.
    #[error("read plugin metadata: {size} bytes, at most 65536 are allowed")]
    TooLarge {
        /// Bytes of JSON.
        size: usize,
    },
    /// The JSON does not parse or has another shape.
    #[error("read plugin metadata: {0}")]
    Json(#[source] serde_json::Error),
    /// A name with other characters than allowed.
    #[error(
        "read plugin metadata: {what} {name:?} must be lower-case words of letters and digits \
         joined by single hyphens, at most 64 characters"
    )]
    Name {
        /// What it names.
        what: &'static str,
        /// The name, cut to what is fit to be shown.
        name: String,
    },
    /// Two endpoints of one name.
    #[error("read plugin metadata: endpoint {name:?} is declared twice")]
    EndpointTwice {
        /// The endpoint's name.
        name: String,
    },
}
