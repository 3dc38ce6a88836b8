//! The nouns of OCI images and distribution, parsed once and without I/O.
