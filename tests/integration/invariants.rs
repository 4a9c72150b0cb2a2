//! The invariants of the fuzz targets, on texts made from their seeds: always the same
//! ones, so that a failure can be looked at. `make fuzz` goes on without end.

use std::path::Path;

use self::texts::Writer;

#[path = "../../fuzz/src/invariants/mod.rs"]
mod checks;
mod texts;

/// How many texts are made of each seed.
const TEXTS: usize = 400;

/// Numbers that look random and are the same on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let seeds: Vec<_> = files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(seeds.len() >= 3, "{}", folder.display());
    seeds
}

/// Changes a text a little: bytes that mean something come and go, pieces move, and pieces of
/// other seeds come in.
fn mutate(text: &mut Vec<u8>, others: &[Vec<u8>], numbers: &mut Numbers) {
    const SIGNS: &[u8] = b"\n\r\t :-#'\"|>&*!{}[],?%@`~0123456789abnvxyE.\\=<\0\x7f";
    const WORDS: [&str; 14] = [
        "\n  ", ": ", " #", "- ", "---\n", "...\n", "\r\n", "\u{feff}", "\u{85}", "\u{2028}",
        "|-\n", "{{", "<<: ", "é",
    ];
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(text.len() + 1);
        let end = (at + numbers.below(12)).min(text.len());
        match numbers.below(6) {
            0 => text.insert(at, SIGNS[numbers.below(SIGNS.len())]),
            1 => drop(text.drain(at..end)),
            2 => drop(text.splice(at..at, WORDS[numbers.below(WORDS.len())].bytes())),
            3 => {
                let piece = text[at..end].to_vec();
                let to = numbers.below(text.len() + 1);
                drop(text.splice(to..to, piece));
            }
            4 => {
                let other = &others[numbers.below(others.len())];
                let from = numbers.below(other.len() + 1);
                let piece = &other[from..(from + numbers.below(30)).min(other.len())];
                drop(text.splice(at..end, piece.iter().copied()));
            }
            _ => {
                if let Some(byte) = text.get_mut(at) {
                    *byte = SIGNS[numbers.below(SIGNS.len())];
                }
            }
        }
    }
}

/// Checks all of these; where something does not hold, the shortest is what is looked at.
fn check_all(texts: impl Iterator<Item = Vec<u8>>, check: fn(&[u8])) {
    let mut failed: Vec<Vec<u8>> = texts
        .filter(|text| std::panic::catch_unwind(|| check(text)).is_err())
        .collect();
    failed.sort_by_key(Vec::len);
    if let Some(shortest) = failed.first() {
        check(shortest);
        let text = String::from_utf8_lossy(shortest);
        panic!(
            "{} fail, this one only together with others: {text:?}",
            failed.len()
        );
    }
}

fn hold(target: &str, check: fn(&[u8])) {
    let seeds = seeds(target);
    let mut numbers = Numbers(7);
    let texts = seeds.iter().flat_map(|seed| {
        let mut text = seed.clone();
        let mut texts = vec![seed.clone()];
        for round in 0..TEXTS {
            // Far from the seed most texts are refused early.
            if round % 8 == 0 {
                text.clone_from(seed);
            }
            mutate(&mut text, &seeds, &mut numbers);
            texts.push(text.clone());
        }
        texts
    });
    check_all(texts, check);
}

#[test]
fn yaml_edits_change_their_target_only() {
    hold("yaml_edit", |data| {
        checks::yaml_edit(data);
    });
}

#[test]
fn yaml_is_read_with_every_part_in_its_place() {
    hold("yaml_parse", checks::yaml_parse);
}

#[test]
fn image_references_are_written_back() {
    hold("image_reference", checks::image_reference);
}

#[test]
fn version_ranges_mean_the_same_when_read_again() {
    hold("version_range", checks::version_range);
}

#[test]
fn places_in_text_are_found_again() {
    hold("text_sites", checks::text_sites);
}

#[test]
fn commit_messages_are_read_as_they_were_written() {
    hold("commit_message", checks::commit_message);
}

#[test]
fn templates_end_within_their_bounds() {
    hold("template", checks::template);
}

#[test]
fn addresses_are_shown_without_their_passwords() {
    hold("repository_address", checks::repository_address);
}

#[test]
fn answers_of_registries_are_read_and_shown_without_secrets() {
    hold("registry_answer", checks::registry_answer);
}

#[test]
fn texts_of_every_style_are_read_and_edited_in_one_place() {
    const NEW: [&str; 12] = [
        "v2",
        "1.10",
        "on",
        "~",
        "a: b",
        " x",
        "'",
        "\"",
        "{{",
        "two\\nlines",
        "end\\n\\n",
        "# no",
    ];
    let texts = (0..6_000).map(|seed| {
        let mut numbers = Numbers(seed);
        let action = ["set", "set", "add", "val", "del"][numbers.below(5)];
        let (number, new) = (numbers.below(1_000), NEW[numbers.below(NEW.len())]);
        format!("{action} {number} {new}\n{}", Writer::new(seed).text()).into_bytes()
    });
    check_all(texts, |data| {
        let text = data
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|end| &data[end + 1..]);
        checks::yaml_parse(text.unwrap_or_default());
        checks::yaml_edit(data);
    });
}

/// The test above says nothing about what is refused: most texts must not be.
#[test]
fn most_strings_in_texts_of_every_style_can_be_set() {
    let mut refused = Vec::new();
    for seed in 0..1_000 {
        let text = Writer::new(seed).text();
        if !checks::yaml_edit(format!("set {seed} v2\n{text}").as_bytes()) {
            refused.push(text);
        }
    }
    let some: Vec<&String> = refused.iter().take(10).collect();
    assert!(
        refused.len() < 200,
        "{} of 1000 are refused: {some:#?}",
        refused.len()
    );
}

/// The targets are built from the rooms' sources, so they need what the main package takes.
#[test]
fn the_fuzz_package_takes_the_same_dependencies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dependencies = |file: &str| -> Vec<String> {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let lines = text
            .lines()
            .skip_while(|line| *line != "[dependencies]")
            .skip(1);
        let lines = lines.take_while(|line| !line.starts_with('['));
        lines
            .filter(|line| line.contains('='))
            .map(str::to_owned)
            .collect()
    };
    let main = dependencies("Cargo.toml");
    let mut other = dependencies("fuzz/Cargo.toml");
    other.retain(|line| !main.contains(line));
    assert_eq!(other.len(), 1, "{other:?}");
    assert!(other[0].starts_with("libfuzzer-sys ="), "{other:?}");
}
