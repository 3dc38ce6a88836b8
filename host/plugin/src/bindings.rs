//! The Rust side of the contract in `wit/plugin.wit`, generated.

#![expect(missing_docs, reason = "generated; the documents are in the WIT file")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "host",
    imports: { "longshore:plugin/endpoints.send": async },
    exports: { default: async },
    additional_derives: [PartialEq, Eq],
});
