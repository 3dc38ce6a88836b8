//! The `longshore` binary.

use std::process::ExitCode;

/// A plan of 100,000 lines is millions of small allocations, on which the system's allocator spends
/// more time than all plugins together.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The allocator and the plugins' memories ask for huge pages, of which little is used: they cost
    // more to clear and to keep than they save. Where the system does not let us, it works as well.
    #[cfg(target_os = "linux")]
    let _kept = rustix::thread::disable_transparent_huge_pages(true);
    longshore::run()
}
