//! The resources that a call of a plugin may use.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Limits the calls of a plugin. Users get the defaults; tests set smaller ones.
#[derive(Clone, Debug)]
pub struct Limits {
    /// CPU time of a call.
    pub cpu: Duration,
    /// Time from the start to the end of a call to a list format or a rewrite.
    pub wall: Duration,
    /// The same for `describe`, `scopes` and `prepare`, which wait for registries.
    pub hook_wall: Duration,
    /// CPU time of one rendering of a chart. Charts that make keys take seconds.
    pub chart_cpu: Duration,
    /// Time from the start to the end of one rendering.
    pub chart_wall: Duration,
    /// Bytes in all linear memories together.
    pub memory: usize,
    /// The same for one rendering of a chart.
    pub chart_memory: usize,
    /// Number of linear memories.
    pub memories: usize,
    /// Number of tables.
    pub tables: usize,
    /// Elements in each table.
    pub table_elements: usize,
    /// Number of core instances, as wasmtime counts them.
    pub instances: usize,
    /// Bytes that one result of a list format takes in the host.
    pub list_result: usize,
    /// The same for a rewrite.
    pub rewrite_result: usize,
    /// The same for a repository type.
    pub hook_result: usize,
    /// The same for one rendering of a chart.
    pub chart_result: usize,
    /// Number of entries, and of diagnostics, in one parsed list.
    pub entries: usize,
    /// Number of items in one call of a rewrite, and of repositories in one call of `scopes`.
    pub batch: usize,
    /// Bytes in a component.
    pub component: usize,
    /// CPU time of the process that compiles a component, by all its threads.
    pub compile_cpu: Duration,
    /// Time from its start to its end. On a busy machine, it gets little CPU time.
    pub compile_wall: Duration,
    /// Bytes of address space for it.
    pub compile_memory: u64,
    /// Number of requests in one call.
    pub requests: u32,
    /// Bytes in the body of one request.
    pub request_body: usize,
    /// Bytes in the body of one response.
    pub response_body: usize,
    /// Bytes in all request and response bodies of one call together.
    pub traffic: usize,
    /// CPU time of all calls of a component in a run.
    pub run_cpu: Duration,
    /// Number of scopes of one repository.
    pub scopes: usize,
    /// Number of scopes in a run.
    pub run_scopes: usize,
    /// Number of lines that all calls of a component may log in a run.
    pub run_log_lines: usize,
    /// Bytes in these lines.
    pub run_log_bytes: usize,
    /// Number of lines that one call may log.
    pub log_lines: usize,
    /// Bytes in one such line.
    pub log_line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            // A busy machine may give a call a thirtieth of its time.
            wall: Duration::from_secs(300),
            hook_wall: Duration::from_secs(120),
            chart_cpu: Duration::from_secs(60),
            chart_wall: Duration::from_secs(300),
            memory: 192 * MIB,
            chart_memory: 512 * MIB,
            memories: 16,
            tables: 16,
            // An element takes eight bytes, so that all tables take at most 16 MiB.
            table_elements: 128 * KIB,
            instances: 256,
            list_result: 64 * MIB,
            rewrite_result: 8 * MIB,
            hook_result: 4 * MIB,
            chart_result: 64 * MIB,
            entries: 1_000_000,
            batch: 10_000,
            component: 64 * MIB,
            compile_cpu: Duration::from_secs(120),
            compile_wall: Duration::from_secs(1200),
            compile_memory: 2048 * MIB as u64,
            requests: 64,
            request_body: MIB,
            response_body: 4 * MIB,
            traffic: 16 * MIB,
            run_cpu: Duration::from_secs(300),
            scopes: 16,
            run_scopes: 100_000,
            run_log_lines: 10_000,
            run_log_bytes: 4 * MIB,
            log_lines: 1_000,
            log_line: 8 * KIB,
        }
    }
}
