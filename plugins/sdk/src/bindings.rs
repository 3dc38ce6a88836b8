//! The types and functions that wit-bindgen makes from `wit/plugin.wit`, the contract. `cargo xtask
//! bindings` writes them again after the contract has grown.
//!
//! Everything that a plugin and the host exchange has one of these types. They exist on every target,
//! so that the logic of a plugin and its tests run natively. Only the calls of the host need wasm32;
//! [`host`](crate::host) replaces them elsewhere.

pub mod chart_render;
pub mod imports;
pub mod list_format;
pub mod list_render;
pub mod repo_type;
pub mod rewrite;

#[cfg(test)]
mod tests {
    #[test]
    fn the_bindings_are_those_of_the_contract() {
        let contract = include_str!("../../../wit/plugin.wit");
        // FNV-1a, as in `generate/src/main.rs`.
        let hash = contract.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        for generated in [
            include_str!("bindings/imports/generated.rs"),
            include_str!("bindings/list_format/generated.rs"),
            include_str!("bindings/list_render/generated.rs"),
            include_str!("bindings/rewrite/generated.rs"),
            include_str!("bindings/repo_type/generated.rs"),
            include_str!("bindings/chart_render/generated.rs"),
        ] {
            let stamp = generated.lines().next();
            let expected = format!("// made from wit/plugin.wit {hash:016x}");
            assert_eq!(stamp, Some(expected.as_str()), "run `cargo xtask bindings`");
        }
    }
}
