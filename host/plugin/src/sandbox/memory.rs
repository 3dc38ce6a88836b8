//! The limiter for the memories of a plugin.

use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// Limits the sum of all memories of a store, because a component may have many.
pub(crate) struct MemoryLimiter {
    limits: MemoryLimits,
    used: usize,
    /// Bytes that the last growth added. They are subtracted if the growth fails.
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
    pub(crate) fn new(limits: &Limits, memory: usize) -> Self {
        Self {
            limits: MemoryLimits {
                memory,
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

    /// Returns the bytes in all memories. Memories never shrink.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Returns whether a growth was ever refused. Most guests then trap with `unreachable`, which does
    /// not name the cause.
    pub(crate) fn refused(&self) -> bool {
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

    use super::MemoryLimiter;
    use crate::limits::Limits;

    #[test]
    fn memories_are_summed_and_failed_growth_is_subtracted() {
        let mut limiter = MemoryLimiter::new(&Limits::default(), 300);
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
            "failed growth was not subtracted"
        );
    }

    #[test]
    fn tables_are_bounded() {
        let mut limiter = MemoryLimiter::new(&Limits::default(), 0);
        assert!(limiter.table_growing(0, 1000, None).expect("no trap"));
        assert!(!limiter.table_growing(0, 1 << 24, None).expect("no trap"));
    }
}
