//! A host of the contract 0.1.1, which accepts components of 0.1.0.

use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::{COMPONENTS, Kind};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../tests/contract/0.1.1",
        world: "host",
        imports: { "longshore:plugin/endpoints.send": async },
        exports: { default: async },
    });
}

use bindings::exports::longshore::plugin as exported;
use bindings::longshore::plugin::{config, endpoints, log, types};

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    logged: Vec<String>,
}

impl types::Host for State {}

impl log::Host for State {
    fn emit(&mut self, _level: log::Level, message: String) {
        self.logged.push(message);
    }

    fn at(&mut self, _place: String) {}

    fn progress(&mut self, _done: u64, _all: u64) {}
}

impl config::Host for State {
    fn get(&mut self) -> String {
        r#"{"next":true}"#.to_owned()
    }

    fn run_name(&mut self) -> String {
        String::new()
    }
}

impl endpoints::Host for State {
    async fn send(
        &mut self,
        _endpoint: String,
        _request: endpoints::Request,
    ) -> Result<endpoints::Response, endpoints::RequestError> {
        Ok(endpoints::Response { status: 200, headers: Vec::new(), body: Vec::new() })
    }

    fn origin(&mut self, _endpoint: String) -> Option<String> {
        None
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI");
    types::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).expect("types");
    log::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).expect("log");
    config::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).expect("config");
    endpoints::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state).expect("endpoints");
    linker
}

#[tokio::test]
async fn components_of_the_frozen_contract_work_in_the_next_host() {
    let engine = Engine::new(&Config::new()).expect("an engine");
    let linker = linker(&engine);
    for (kind, (name, text)) in COMPONENTS {
        let component =
            Component::new(&engine, wat::parse_str(text).expect("a text")).expect("a component");
        let prepared = linker.instantiate_pre(&component).unwrap_or_else(|error| {
            panic!("{name} does not link: {error:#}");
        });
        let state = State {
            wasi: WasiCtx::builder().build(),
            table: ResourceTable::new(),
            logged: Vec::new(),
        };
        let mut store = Store::new(&engine, state);
        let instance = prepared.instantiate_async(&mut store).await.expect("an instance");
        match kind {
            Kind::ListFormat => {
                let indices = exported::list_format::GuestIndices::new(&prepared).expect(name);
                let guest = indices.load(&mut store, &instance).expect(name);
                let parsed = guest.call_parse(&mut store, "list", "a.io/b").await.expect(name);
                assert_eq!(parsed.expect("a list").entries[0].source, "a.io/b");
                assert_eq!(store.data().logged, [r#"{"next":true}"#]);
                exported::list_render::GuestIndices::new(&prepared).expect("it writes lists");
            }
            Kind::Rewrite => {
                let indices = exported::rewrite::GuestIndices::new(&prepared).expect(name);
                let guest = indices.load(&mut store, &instance).expect(name);
                let verdicts = guest.call_apply(&mut store, &[]).await.expect(name);
                assert!(verdicts.expect("verdicts").is_empty());
                // What the next contract adds is optional.
                assert!(exported::rewrite_explain::GuestIndices::new(&prepared).is_err());
            }
            Kind::RepoType => {
                let indices = exported::repo_type::GuestIndices::new(&prepared).expect(name);
                let guest = indices.load(&mut store, &instance).expect(name);
                let scope = exported::repo_type::Scope { kind: "p".into(), name: "a".into() };
                let result = guest.call_prepare(&mut store, "r.io", &scope, false).await;
                let outcome = result.expect(name).expect("an outcome");
                assert_eq!(outcome.state, exported::repo_type::State::Created);
            }
            Kind::ChartRender => {
                exported::chart_render::GuestIndices::new(&prepared).expect(name);
            }
        }
    }
}

#[tokio::test]
async fn built_in_plugins_work_in_the_next_host() {
    let engine = Engine::new(&Config::new()).expect("an engine");
    let linker = linker(&engine);
    for name in ["prefix", "harbor", "mirror"] {
        let bytes = crate::load::embedded::component(name);
        let component = Component::new(&engine, bytes).expect("a component");
        let prepared = linker.instantiate_pre(&component);
        prepared.unwrap_or_else(|error| panic!("{name} does not link: {error:#}"));
    }
}

/// Within 0.1 only lines may be added, and here they are marked.
#[test]
fn the_next_contract_only_adds_to_the_frozen_one() {
    let frozen = include_str!("../../../../../wit/plugin.wit");
    let next = include_str!("../../../../../tests/contract/0.1.1/plugin.wit");
    let kept: Vec<_> = next.lines().filter(|line| !line.ends_with("// added")).collect();
    let expected = frozen.replace("longshore:plugin@0.1.0;", "longshore:plugin@0.1.1;");
    assert_eq!(kept, expected.lines().collect::<Vec<_>>());
}
