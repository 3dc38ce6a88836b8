//! The `longshore` binary.

use std::process::ExitCode;

/// Planning 100,000 lines makes millions of small allocations. The system's allocator would spend more
/// time on them than all plugins together.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The allocator and the plugins' memories would get huge pages and use little of each. Clearing and
    // keeping them costs more than they save. longshore also works if the system refuses this.
    #[cfg(target_os = "linux")]
    let _kept = rustix::thread::disable_transparent_huge_pages(true);
    longshore::run()
}
