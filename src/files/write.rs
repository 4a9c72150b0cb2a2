//! Writing whole files: on a full disk there is the older file or none, never half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::read::{at_once, is_pipe};

/// Names for files that are still written that are tried before giving up.
const NAMES: u32 = 100;

/// The longest chain of links that is followed to the file to write, as in Linux.
/// See `docs/limits.md`.
const LINKS: usize = 40;

/// How long a named pipe may lack a program that reads it: the one who made it starts that
/// program, too.
/// See `docs/limits.md`.
const READER_TIME: Duration = Duration::from_secs(10);

/// How often a pipe is tried again.
const LOOK: Duration = Duration::from_millis(50);

/// Writes a file: beside its place first, then renamed. A link is followed and stays. What
/// is not a regular file, as `/dev/stdout` and pipes, is written to as it is.
///
/// # Errors
/// It cannot be written. An older file is still there then, as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, true)
}

/// The same without waiting for the disk, for files that can be made again.
///
/// # Errors
/// See [`write_whole`].
pub fn write_one_of_many(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write(path, bytes, false)
}

fn write(path: &Path, bytes: &[u8], wait: bool) -> io::Result<()> {
    let place = followed(path)?;
    let there = match fs::metadata(&place) {
        Ok(there) => Some(there),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // `/dev/stdout` may be a file, too, which others write to at the same time.
    let is_door = ["/dev", "/proc"]
        .iter()
        .any(|it| place.starts_with(it) || path.starts_with(it));
    if is_door
        || there
            .as_ref()
            .is_some_and(|it| !it.is_file() && !it.is_dir())
    {
        if !is_door && there.as_ref().is_some_and(is_pipe) {
            return write_to_pipe(&place, bytes, READER_TIME);
        }
        let door = if is_door { path } else { &place };
        return OpenOptions::new().append(true).open(door)?.write_all(bytes);
    }
    let (beside, file) = match create_beside(&place) {
        Ok(created) => created,
        // A file that may be written in a folder that may not, as one that is mounted.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && there.is_some() => {
            return fs::write(&place, bytes);
        }
        Err(error) => return Err(error),
    };
    let written = fill(file, bytes, wait).and_then(|()| {
        if let Some(there) = there {
            fs::set_permissions(&beside, there.permissions())?;
        }
        fs::rename(&beside, &place)
    });
    written.inspect_err(|_| {
        // The first error is the one to report.
        let _ = fs::remove_file(&beside);
    })
}

/// Writes to a named pipe once it has a reader, and then as fast as that one reads.
fn write_to_pipe(pipe: &Path, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
    let mut waited = Duration::ZERO;
    let mut file = loop {
        match at_once(OpenOptions::new().write(true)).open(pipe) {
            Err(error) if error.raw_os_error() == Some(NO_READER) && waited < patience => {
                sleep(LOOK);
                waited += LOOK;
            }
            Err(error) if error.raw_os_error() == Some(NO_READER) => {
                let words = format!("no program reads this pipe within {} s", patience.as_secs());
                return Err(io::Error::new(ErrorKind::TimedOut, words));
            }
            opened => break opened?,
        }
    };
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(LOOK),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// ENXIO, in Linux and macOS: what a pipe without a reader answers.
const NO_READER: i32 = 6;

/// Writes a file that must not exist yet.
///
/// # Errors
/// There is something of that name, or it cannot be written; no half of it is left then.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    fill(file, bytes, true).inspect_err(|_| {
        // The first error is the one to report.
        let _ = fs::remove_file(path);
    })
}

fn fill(mut file: File, bytes: &[u8], wait: bool) -> io::Result<()> {
    file.write_all(bytes)?;
    // Some file systems notice only now that there is no room.
    if wait { file.sync_all() } else { Ok(()) }
}

/// The file that a path means at the end of its links, whether or not it exists.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        match fs::symlink_metadata(&place) {
            Ok(there) if there.is_symlink() && !place.starts_with("/proc") => {
                let target = fs::read_link(&place)?;
                place = place.parent().unwrap_or(Path::new("")).join(target);
            }
            _ => return Ok(place),
        }
    }
    Err(io::Error::other("too many links"))
}

/// A new file in the same folder, whose name nobody else has.
fn create_beside(place: &Path) -> io::Result<(PathBuf, File)> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    // Names end at 255 bytes.
    let name: String = name.chars().take(60).collect();
    for number in 0..NAMES {
        let process = std::process::id();
        let beside = place.with_file_name(format!(".{name}.{process}-{number}.tmp"));
        // A link that somebody put there is not followed.
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&beside)
        {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(
        "too many files that were not finished are beside it",
    ))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_waits_for_its_reader_and_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let error = write_to_pipe(&pipe, b"a", LOOK * 2).unwrap_err();
        assert!(error.to_string().contains("no program reads"), "{error}");
        // More than a pipe holds, for a reader that comes late.
        let bytes = vec![b'x'; 1 << 20];
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || {
                sleep(LOOK * 3);
                fs::read(pipe).unwrap()
            })
        };
        write_to_pipe(&pipe, &bytes, Duration::from_secs(60)).unwrap();
        assert!(reader.join().unwrap() == bytes);
    }
}
