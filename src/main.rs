//! The executable: hands the command line to the library and its answer to
//! the operating system.

use std::process::ExitCode;

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the command line is read"
)]
fn main() -> ExitCode {
    ExitCode::from(kubectl_gitops::cli::run(std::env::args_os()))
}
