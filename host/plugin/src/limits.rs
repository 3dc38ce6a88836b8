//! How much a plugin may use, and the limiter that holds its memories to that.

use std::time::Duration;

use wasmtime::ResourceLimiter;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What one call of a plugin may use. The defaults are what users get; tests make them smaller.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time in which the plugin itself computes, in steps of 10 ms.
    pub cpu: Duration,
    /// Time from the start of a call of a list format or a rewrite to its end.
    pub wall: Duration,
    /// The same for `describe`, `scopes` and `prepare`, which wait for registries.
    pub wall_of_hooks: Duration,
    /// Bytes in all linear memories together.
    pub memory: usize,
    /// Linear memories.
    pub memories: usize,
    /// Tables.
    pub tables: usize,
    /// Elements in each table.
    pub table_elements: usize,
    /// Core instances, as wasmtime counts them.
    pub instances: usize,
    /// Bytes that one answer of a list format may take in the host.
    pub answer_of_lists: usize,
    /// The same for a rewrite.
    pub answer_of_rewrites: usize,
    /// The same for a repository hook.
    pub answer_of_hooks: usize,
    /// Entries or diagnostics in one parsed list.
    pub entries: usize,
    /// Items in one call of a rewrite, repositories in one call of `scopes`.
    pub batch: usize,
    /// Bytes in a component.
    pub component: usize,
    /// Requests to endpoints in one call.
    pub requests: u32,
    /// Bytes in the body of one request.
    pub request_body: usize,
    /// Bytes in the body of one response.
    pub response_body: usize,
    /// Bytes in all bodies of one call, both directions together.
    pub traffic: usize,
    /// Lines that one call may log.
    pub log_lines: usize,
    /// Bytes in one such line.
    pub log_line: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            wall_of_hooks: Duration::from_secs(120),
            memory: 256 * MIB,
            memories: 16,
            tables: 16,
            // Eight bytes each: the tables of a plugin take 16 MiB at most.
            table_elements: 128 * KIB,
            instances: 256,
            answer_of_lists: 64 * MIB,
            answer_of_rewrites: 8 * MIB,
            answer_of_hooks: 4 * MIB,
            entries: 1_000_000,
            batch: 10_000,
            component: 64 * MIB,
            requests: 64,
            request_body: MIB,
            response_body: 4 * MIB,
            traffic: 16 * MIB,
            log_lines: 1_000,
            log_line: 8 * KIB,
        }
    }
}

/// Sums all memories of a store, since a component may have many.
pub(super) struct MemoryLimiter {
    limits: MemoryLimits,
    used: usize,
    /// What the last permitted growth added, to be given back if it fails after all.
    last: usize,
    refused: bool,
}

struct MemoryLimits {
    memory: usize,
    memories: usize,
    tables: usize,
    table_elements: usize,
    instances: usize,
}

impl MemoryLimiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: MemoryLimits {
                memory: limits.memory,
                memories: limits.memories,
                tables: limits.tables,
                table_elements: limits.table_elements,
                instances: limits.instances,
            },
            used: 0,
            last: 0,
            refused: false,
        }
    }

    /// Whether memory was ever refused: most guests then end in `unreachable`, which says nothing.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let added = desired.saturating_sub(current);
        let used = self.used.saturating_add(added);
        if used > self.limits.memory {
            self.last = 0;
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        self.last = added;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used -= std::mem::take(&mut self.last);
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.limits.table_elements;
        self.refused |= !fits;
        Ok(fits)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::ResourceLimiter as _;

    use super::{Limits, MemoryLimiter};

    #[test]
    fn memories_are_summed_and_failed_growth_is_given_back() {
        let limits = Limits { memory: 300, ..Limits::default() };
        let mut limiter = MemoryLimiter::new(&limits);
        assert!(limiter.memory_growing(0, 200, None).expect("no trap"));
        assert!(
            !limiter.memory_growing(0, 101, None).expect("no trap"),
            "a second memory went over the sum"
        );
        assert!(limiter.refused());
        assert!(limiter.memory_growing(0, 100, None).expect("no trap"));
        limiter.memory_grow_failed(wasmtime::Error::msg("no pages")).expect("no trap");
        assert!(
            limiter.memory_growing(200, 300, None).expect("no trap"),
            "failed growth was not given back"
        );
    }

    #[test]
    fn tables_are_bounded() {
        let mut limiter = MemoryLimiter::new(&Limits::default());
        assert!(limiter.table_growing(0, 1000, None).expect("no trap"));
        assert!(!limiter.table_growing(0, 1 << 24, None).expect("no trap"));
    }
}
