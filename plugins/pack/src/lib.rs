//! Reads and writes the metadata section of a plugin component.
//!
//! A plugin describes itself and the requests it wants to send in a custom section of its
//! component. The section is named `longshore:plugin`, is at the top level and holds a JSON object
//! of at most 64 KiB. This crate reads and appends that section. The host decides which of the
//! requested grants and origins it allows. The input is untrusted: a component may come from
//! anywhere.

mod endpoint;
mod error;
mod metadata;
mod name;
mod section;

pub use endpoint::{Auth, Encoding, Endpoint, Exchange, OriginTemplate, UnknownAuth};
pub use error::PackError;
pub use metadata::{Kind, ListFacts, Metadata};
pub use name::is_name;

use section::{Sections, write_custom};

/// Name of the custom section that holds the metadata.
pub const SECTION: &str = "longshore:plugin";

/// Maximum size of the JSON in the section, in bytes.
pub const MAX_METADATA: usize = 64 * 1024;

/// Reads the metadata of a component. Returns `None` if the component has none.
///
/// # Errors
///
/// Fails if the bytes are not a component, or if they end inside a section. Fails if there is more
/// than one metadata section, or if the section is too large. Fails if its content is not JSON of
/// the expected shape, or if a plugin or endpoint name is not valid.
pub fn read(component: &[u8]) -> Result<Option<Metadata>, PackError> {
    let mut found = None;
    for section in Sections::of_component(component)? {
        let section = section?;
        if section.custom_name()? != Some(SECTION.as_bytes()) {
            continue;
        }
        if found.is_some() {
            return Err(PackError::Twice);
        }
        found = Some(section.custom_content()?);
    }
    let Some(json) = found else { return Ok(None) };
    if json.len() > MAX_METADATA {
        return Err(PackError::TooLarge { size: json.len() });
    }
    let metadata: Metadata = serde_json::from_slice(json).map_err(PackError::Json)?;
    metadata.check()?;
    Ok(Some(metadata))
}

/// Returns the component with `metadata` appended to it. The same input gives the same bytes.
///
/// # Errors
///
/// Fails like [`read`], and if the component already has a metadata section.
pub fn append(component: &[u8], metadata: &Metadata) -> Result<Vec<u8>, PackError> {
    for section in Sections::of_component(component)? {
        if section?.custom_name()? == Some(SECTION.as_bytes()) {
            return Err(PackError::Twice);
        }
    }
    metadata.check()?;
    let json = serde_json::to_vec(metadata).map_err(PackError::Json)?;
    if json.len() > MAX_METADATA {
        return Err(PackError::TooLarge { size: json.len() });
    }
    let mut packed = Vec::with_capacity(component.len() + json.len() + 32);
    packed.extend_from_slice(component);
    write_custom(&mut packed, SECTION, &json)?;
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::{Auth, Endpoint, Kind, MAX_METADATA, Metadata, PackError, append, read};

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    fn harbor() -> Metadata {
        Metadata {
            name: "harbor".into(),
            version: "0.1.0".into(),
            kind: Kind::RepoType,
            description: "Makes projects".into(),
            probe_words: Vec::new(),
            probe_names: Vec::new(),
            list: None,
            only_checks: false,
            endpoints: vec![Endpoint {
                name: "api".into(),
                origin: "https://{registry}".into(),
                templates: Vec::new(),
                https_key: Some("https".into()),
                auth: Auth::Registry,
            }],
            grants: vec!["GET api /api/v2.0/ping".into()],
            exchange: None,
            config_schema: Some(serde_json::json!({"type": "object"})),
            least_host_version: None,
        }
    }

    #[test]
    fn appended_metadata_is_read_back_and_reproducible() {
        let packed = append(COMPONENT, &harbor()).expect("appended");
        assert!(packed.starts_with(COMPONENT));
        assert_eq!(read(&packed).expect("read"), Some(harbor()));
        assert_eq!(append(COMPONENT, &harbor()).expect("again"), packed);
    }

    #[test]
    fn a_component_without_the_section_has_no_metadata() {
        assert_eq!(read(COMPONENT).expect("read"), None);
    }

    #[test]
    fn other_sections_and_nested_bytes_are_not_metadata() {
        let mut bytes = COMPONENT.to_vec();
        // A core module section (1) that contains a packed component. Only the top level counts.
        let nested = append(COMPONENT, &harbor()).expect("nested");
        bytes.push(1);
        super::section::write_size(&mut bytes, nested.len()).expect("small");
        bytes.extend_from_slice(&nested);
        super::write_custom(&mut bytes, "producers", b"\x00").expect("written");
        assert_eq!(read(&bytes).expect("read"), None);
    }

    #[test]
    fn a_second_section_is_rejected_when_written_and_when_read() {
        let packed = append(COMPONENT, &harbor()).expect("appended");
        assert!(matches!(append(&packed, &harbor()), Err(PackError::Twice)));
        let twice = [&packed[..], &packed[COMPONENT.len()..]].concat();
        assert!(matches!(read(&twice), Err(PackError::Twice)));
    }

    #[test]
    fn a_core_module_and_other_bytes_are_refused() {
        assert!(matches!(append(MODULE, &harbor()), Err(PackError::CoreModule)));
        assert!(matches!(read(MODULE), Err(PackError::CoreModule)));
        assert!(matches!(read(b""), Err(PackError::NoWebAssembly)));
        assert!(matches!(read(b"\0asm\x0d\0"), Err(PackError::NoWebAssembly)));
        assert!(matches!(read(b"(component)"), Err(PackError::NoWebAssembly)));
        assert!(matches!(
            read(b"\0asm\x0e\0\x01\0"),
            Err(PackError::Version { version: 14, layer: 1 })
        ));
    }

    #[test]
    fn every_cut_of_a_packed_component_is_an_error_or_has_no_metadata() {
        let packed = append(COMPONENT, &harbor()).expect("appended");
        for end in 0..packed.len() {
            match read(&packed[..end]) {
                Ok(None) => assert_eq!(end, COMPONENT.len(), "cut at {end} went unnoticed"),
                Ok(Some(_)) => panic!("cut at {end} was read as whole"),
                Err(_) => {}
            }
        }
    }

    #[test]
    fn flipped_bytes_never_panic() {
        let packed = append(COMPONENT, &harbor()).expect("appended");
        for at in 0..packed.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut hostile = packed.clone();
                hostile[at] = value;
                // The result does not matter. The parser must not panic or loop.
                let _ = read(&hostile);
            }
        }
    }

    #[test]
    fn oversized_metadata_is_rejected_when_read_and_written() {
        let mut large = harbor();
        large.description = "x".repeat(MAX_METADATA);
        assert!(matches!(append(COMPONENT, &large), Err(PackError::TooLarge { .. })));
        let mut bytes = COMPONENT.to_vec();
        super::write_custom(&mut bytes, super::SECTION, &vec![b' '; MAX_METADATA + 1])
            .expect("written");
        assert!(matches!(read(&bytes), Err(PackError::TooLarge { .. })));
    }

    #[test]
    fn invalid_names_are_rejected() {
        for name in ["", "A", "a b", "-a", "a-", "a--b", "../a", "a\u{202e}b", &"a".repeat(65)] {
            let bad = Metadata { name: name.into(), ..harbor() };
            assert!(
                matches!(append(COMPONENT, &bad), Err(PackError::Name { .. })),
                "{name:?} passed"
            );
        }
        let mut bad = harbor();
        bad.endpoints[0].name = "Api".into();
        assert!(matches!(append(COMPONENT, &bad), Err(PackError::Name { .. })));
        let mut twice = harbor();
        twice.endpoints.push(twice.endpoints[0].clone());
        assert!(matches!(append(COMPONENT, &twice), Err(PackError::EndpointTwice { .. })));
    }
}
