#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use super::*;

#[test]
fn files_are_read_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    fs::write(&file, "12345").unwrap();
    assert_eq!(read_named(&file, 5).unwrap(), b"12345");
    assert_eq!(read_regular(&file, 5).unwrap(), b"12345");
    for error in [read_named(&file, 4), read_regular(&file, 4)] {
        assert_eq!(error.unwrap_err().to_string(), "larger than 4 bytes");
    }
    for error in [read_named(folder.path(), 4), read_regular(folder.path(), 4)] {
        assert_eq!(error.unwrap_err().to_string(), "a folder, not a file");
    }
    assert_eq!(text(vec![0xff]).unwrap_err().to_string(), "not UTF-8");
}

#[cfg(unix)]
#[test]
fn devices_and_links_out_of_a_folder_are_refused() {
    use std::os::unix::fs::symlink;
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("layout");
    fs::create_dir_all(folder.join("blobs")).unwrap();
    fs::write(top.path().join("secret"), "s").unwrap();
    fs::write(folder.join("blobs/b"), "b").unwrap();
    symlink("/dev/zero", folder.join("zero")).unwrap();
    symlink("../secret", folder.join("out")).unwrap();
    symlink("blobs/b", folder.join("in")).unwrap();
    let below = |name: &str| read_below(&folder, Path::new(name), 10);
    assert_eq!(below("in").unwrap(), b"b");
    for name in ["out", "zero", "../secret"] {
        let error = below(name).unwrap_err().to_string();
        assert_eq!(error, "a link that leads out of the folder", "{name}");
    }
    for read in [read_named, read_regular] {
        let error = read(Path::new("/dev/zero"), 10).unwrap_err().to_string();
        assert_eq!(error, "a device, not a file");
    }
}

#[cfg(unix)]
#[test]
fn a_file_is_replaced_through_its_link_and_keeps_its_mode() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "older").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("file", &link).unwrap();
    write_whole(&link, b"newer").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"newer");
    assert!(link.is_symlink());
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );
    // A link to what does not exist yet makes it exist.
    symlink("fresh", folder.path().join("dangling")).unwrap();
    write_whole(&folder.path().join("dangling"), b"x").unwrap();
    assert_eq!(fs::read(folder.path().join("fresh")).unwrap(), b"x");
    symlink("round", folder.path().join("round")).unwrap();
    assert!(write_whole(&folder.path().join("round"), b"x").is_err());
    assert!(write_whole(&folder.path().join("none/file"), b"x").is_err());
    assert!(write_whole(folder.path(), b"x").is_err());
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 5, "nothing unfinished is left");
    assert!(write_new(&file, b"x").is_err());
    assert_eq!(fs::read(&file).unwrap(), b"newer");
}
