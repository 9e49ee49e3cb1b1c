//! The program: runs the command of the command line.

mod cli;

use std::process::ExitCode;

/// The system's allocator keeps what each hashing thread once took (19 MiB for a password). This one returns it, so
/// that an idle service stays small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
