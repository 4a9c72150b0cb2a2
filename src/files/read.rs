//! Reading with a limit.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest file that is named on the command line (`--config`, `--apply`,
/// `--tags-from`), in bytes. The largest plans and tag lists have some MiB.
/// See `docs/limits.md`.
pub const NAMED: u64 = 64 << 20;

/// The largest manifest or schema of a folder that is named on the command line, in bytes:
/// as much as is read of a file in Git.
/// See `docs/limits.md`.
pub const MANIFEST: u64 = 16 << 20;

/// Reads what a person names: a regular file, or a pipe up to its end, as of `<(command)`
/// and `/dev/stdin`.
///
/// # Errors
/// It cannot be read, is a folder or a device, or is larger than `limit` bytes.
pub fn read_named(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?;
    if !kind.is_file() && !is_pipe(&kind) {
        return Err(not_a_file(&kind));
    }
    let file = File::open(path)?;
    let kind = file.metadata()?;
    match kind.is_file() || is_pipe(&kind) {
        true => read(file, &kind, limit),
        false => Err(not_a_file(&kind)),
    }
}

/// Reads a regular file, through links if there are any.
///
/// # Errors
/// It cannot be read, is anything else, or is larger than `limit` bytes.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?;
    if !kind.is_file() {
        return Err(not_a_file(&kind));
    }
    // What takes its place meanwhile is seen, too, and does not make the opening wait.
    let mut options = OpenOptions::new();
    let file = at_once(options.read(true)).open(path)?;
    let kind = file.metadata()?;
    match kind.is_file() {
        true => read(file, &kind, limit),
        false => Err(not_a_file(&kind)),
    }
}

/// Reads a regular file in a folder that others filled: a link may lead to another place in
/// the folder, but not out of it.
///
/// # Errors
/// See [`read_regular`]; also when the path leads out of the folder.
pub fn read_below(folder: &Path, relative: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let top = folder.canonicalize()?;
    let real: PathBuf = top.join(relative).canonicalize()?;
    if !real.starts_with(&top) {
        let message = "a link that leads out of the folder";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    read_regular(&real, limit)
}

/// The bytes as text.
///
/// # Errors
/// They are not UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}

fn read(file: File, kind: &Metadata, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || {
        let message = match limit >> 20 {
            0 => format!("larger than {limit} bytes"),
            mebibytes => format!("larger than {mebibytes} MiB"),
        };
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    if kind.is_file() && kind.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(too_large()),
        false => Ok(bytes),
    }
}

fn not_a_file(kind: &Metadata) -> io::Error {
    let message = match kind {
        _ if kind.is_dir() => "a folder, not a file",
        _ if is_pipe(kind) => "a pipe, not a file",
        _ if is_device(kind) => "a device, not a file",
        _ => "not a regular file",
    };
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(unix)]
pub(super) fn is_pipe(kind: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.file_type().is_fifo()
}

#[cfg(unix)]
fn is_device(kind: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.file_type().is_char_device() || kind.file_type().is_block_device()
}

#[cfg(not(unix))]
pub(super) fn is_pipe(_: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_device(_: &Metadata) -> bool {
    false
}

/// Does not wait for the other end of a pipe, where the number for that is known.
pub(super) fn at_once(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(all(
        target_os = "linux",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64"
        )
    ))]
    // O_NONBLOCK in asm-generic/fcntl.h, which these architectures use.
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, 0o4000);
    options
}
