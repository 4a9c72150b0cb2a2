//! Objects in files of their own that are cut off, as a full disk or a lost power supply
//! leaves them. libgit2 1.9 never comes back from reading one, so each is read to its end
//! here before it is read there.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _};
use std::path::PathBuf;

use flate2::read::ZlibDecoder;
use git2::Oid;

use super::{Git, GitError};

/// The folder of objects, and in which of its 256 folders there are any: most clones have
/// packs alone.
#[derive(Clone)]
pub(super) struct Loose {
    objects: PathBuf,
    folders: Vec<bool>,
}

impl Loose {
    fn of(git: &Git) -> Self {
        let objects = git.libgit2().commondir().join("objects");
        let mut folders = vec![false; 256];
        for entry in fs::read_dir(&objects).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().filter(|name| name.len() == 2);
            if let Some(number) = name.and_then(|name| usize::from_str_radix(name, 16).ok()) {
                folders[number] = true;
            }
        }
        Self { objects, folders }
    }

    fn check(&self, id: Oid) -> Result<(), GitError> {
        let first = id.as_bytes().first().copied().unwrap_or_default();
        if !self.folders[usize::from(first)] {
            return Ok(());
        }
        let name = id.to_string();
        let Ok(file) = File::open(self.objects.join(&name[..2]).join(&name[2..])) else {
            // In a pack, or missing, which is noticed by those who read it.
            return Ok(());
        };
        read_to_the_end(file).map_err(|source| GitError::Library {
            message: format!("object {name} is damaged: {source}"),
        })
    }
}

fn read_to_the_end(file: File) -> io::Result<()> {
    let mut content = ZlibDecoder::new(BufReader::new(file));
    let mut buffer = [0; 16 * 1024];
    while content.read(&mut buffer)? > 0 {}
    Ok(())
}

impl Git {
    /// Fails when an object is here in a file of its own that ends too early.
    pub(super) fn check_loose(&self, id: Oid) -> Result<(), GitError> {
        self.loose.get_or_init(|| Loose::of(self)).check(id)
    }

    /// The object that a reference names, which may be read then.
    pub(super) fn check_target(&self, reference: &git2::Reference<'_>) -> Result<(), GitError> {
        match reference.target() {
            Some(id) => self.check_loose(id),
            None => Ok(()),
        }
    }
}
