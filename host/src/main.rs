//! The `longshore` binary.

use std::process::ExitCode;

/// A plan of 100,000 lines is millions of small allocations, on which the system's allocator spends
/// more time than all plugins together.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    longshore::run()
}
