//! The generated Rust types of the contract in `wit/plugin.wit`.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "host",
    imports: { "longshore:plugin/endpoints.send": async },
    exports: { default: async },
    additional_derives: [PartialEq, Eq],
});
