//! The program: what is asked for on the command line, run.

mod cli;

use std::process::ExitCode;

/// The system's own keeps what each hashing thread once took (19 MiB for a password); this one gives it back, so that
/// an idle service stays small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
