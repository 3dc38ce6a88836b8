//! The generated Rust types of the contract in `wit/plugin.wit`.

#![expect(missing_docs, reason = "generated; the WIT file has the documentation")]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "host",
    imports: { "longshore:plugin/endpoints.send": async },
    exports: { default: async },
    additional_derives: [PartialEq, Eq],
});
