//! The small languages: image references, version ranges, places in text, commit messages.

use kubectl_gitops::image::{Reference, VersionRange, coerce};
use kubectl_gitops::product::Repository;
use kubectl_gitops::product::pins::{Pin, Target, environment_pins, write};
use kubectl_gitops::repo::{CommitMessage, Edit, RepoPath, Snapshot};
use serde_json::json;

use super::command;

/// A reference is written back byte for byte, and its normalised form is one, too.
pub fn image_reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(image) = text.parse::<Reference>() else {
        return;
    };
    assert_eq!(image.to_string(), text);
    let normal = image.normalised();
    assert!(normal.same_repository(&image), "{text:?}");
    assert_eq!(normal.tag(), image.tag());
    assert_eq!(normal.digest(), image.digest());
    // A name that is only just short enough may be too long with its host.
    if let Ok(read) = normal.to_string().parse::<Reference>() {
        assert_eq!(read, normal, "{text:?}");
        assert_eq!(read.normalised(), normal, "{text:?}");
    } else {
        assert!(normal.name().len() > 255, "{text:?}");
    }
    let host = image
        .host()
        .map(|host| format!("{host}/"))
        .unwrap_or_default();
    assert_eq!(format!("{host}{}", image.path()), image.name());
}

/// A range is written back as it was and means the same when read again. The versions to
/// ask about stand below the first line.
pub fn version_range(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (range, versions) = text.split_once('\n').unwrap_or((text, "1.2.3\n2.0.0-rc.1"));
    let versions: Vec<_> = versions.lines().take(20).filter_map(coerce).collect();
    for version in &versions {
        assert_eq!(coerce(&version.to_string()).as_ref(), Some(version));
    }
    let Ok(read) = range.parse::<VersionRange>() else {
        return;
    };
    let again: VersionRange = match read.to_string().parse() {
        Ok(again) => again,
        Err(error) => panic!("{range:?} became {read}: {error}"),
    };
    assert_eq!(again, read);
    let either: VersionRange = match format!("{read} || {read}").parse() {
        Ok(either) => either,
        Err(error) => panic!("{range:?} twice: {error}"),
    };
    for version in &versions {
        let within = read.contains(version);
        assert_eq!(again.contains(version), within, "{range:?} {version}");
        assert_eq!(either.contains(version), within, "{range:?} {version}");
    }
}

const FILE: &str = "deploy/image.env";

/// The first line is a regular expression, the rest the file in which it finds tags. After
/// a bump the file says the new tag at the same places, and every other line is as it was.
pub fn text_sites(data: &[u8]) {
    let Some((pattern, text)) = command(data) else {
        return;
    };
    // What the expression engine takes is its own affair; time is ours.
    if pattern.len() > 100 || text.len() > 2_000 {
        return;
    }
    let site = json!({"file": FILE, "regex": pattern});
    let pin = json!({"image": "registry.example.com/shop/web", "sites": [site]});
    let gitops = json!({
        "apiVersion": "kubectl-gitops/v1alpha1",
        "kind": "Repository",
        "spec": {"environments": [{"name": "dev", "branch": "env/dev"}], "pins": [pin]},
    });
    let Ok(name) = "gitops.yaml".parse::<RepoPath>() else {
        return;
    };
    let Ok(repository) = Repository::decode(&name, &gitops.to_string()) else {
        return;
    };
    let read = |text: &str| {
        let file = FILE
            .parse::<RepoPath>()
            .map(|path| (path, text.as_bytes().to_vec()));
        let snapshot = Snapshot::from_files(None, file);
        let found = environment_pins(&snapshot, &repository.environments[0], &repository);
        found.map(|found| (snapshot, found.pins))
    };
    let Ok((snapshot, pins)) = read(text) else {
        return;
    };
    let Ok(tag) = "v9.9.9-fuzz".parse() else {
        return;
    };
    let target = Target::Image {
        tag: Some(tag),
        digest: None,
        pinned: false,
    };
    let changes: Vec<(&Pin, Target)> = pins.iter().map(|it| (it, target.clone())).collect();
    let Ok(edits) = write(&snapshot, &changes) else {
        return;
    };
    let sites: usize = pins.iter().map(|pin| pin.sites.len()).sum();
    let Some(Edit::Write { bytes, .. }) = edits.into_values().next() else {
        return;
    };
    let Ok(made) = String::from_utf8(bytes) else {
        panic!("{text:?} by {pattern:?} is text no longer");
    };
    let Ok((_, again)) = read(&made) else {
        panic!("{text:?} by {pattern:?} became {made:?}, which has no pins");
    };
    let found: usize = again.iter().map(|pin| pin.sites.len()).sum();
    assert_eq!(found, sites, "{text:?} by {pattern:?} became {made:?}");
    for tag in again.iter().flat_map(Pin::tags) {
        assert_eq!(
            tag.as_str(),
            "v9.9.9-fuzz",
            "{text:?} by {pattern:?} became {made:?}"
        );
    }
}

fn words(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| c.is_whitespace() || c == '\0');
    words.filter(|word| !word.is_empty()).collect()
}

/// A message that was read and written is read alike again, and writing it changes nothing.
pub fn commit_message(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = CommitMessage::parse(text);
    let written = read.to_string();
    let again = CommitMessage::parse(&written);
    assert_eq!(again.to_string(), written, "{text:?}");
    for (name, value) in &again.trailers {
        let known = read
            .trailers_named(name)
            .any(|known| words(known) == words(value));
        assert!(
            known,
            "{text:?} has no trailer {name}: {value}, and {written:?} has"
        );
    }
    // No value can add a trailer.
    let hostile = CommitMessage {
        subject: text.to_owned(),
        body: String::new(),
        trailers: vec![("Gitops-Reason".to_owned(), text.to_owned())],
    };
    let read = CommitMessage::parse(&hostile.to_string());
    let names: Vec<&str> = read
        .trailers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(
        names.is_empty() || names == ["Gitops-Reason"],
        "{text:?}: {names:?}"
    );
}
