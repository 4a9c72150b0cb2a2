//! Reading and editing YAML: a product manifest of 1,000 components, about 330 KB.

use divan::Bencher;
use divan::counter::BytesCount;
use kubectl_gitops::yaml::{Editor, Path, Stream};

use super::inputs::manifest;

fn image(component: usize) -> Path {
    Path::of([
        "spec",
        "components",
        &format!("service-{component:04}"),
        "image",
    ])
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let text = manifest(1000);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| Stream::parse(&text).unwrap());
}

#[divan::bench]
fn value(bencher: Bencher<'_, '_>) {
    let stream = Stream::parse(&manifest(1000)).unwrap();
    bencher
        .counter(BytesCount::of_str(stream.text()))
        .bench(|| stream.documents()[0].value().unwrap());
}

/// Edits of so many images, the proof by the second parser included.
#[divan::bench(args = [1, 50, 1000])]
fn set_images(bencher: Bencher<'_, '_>, count: usize) {
    let stream = Stream::parse(&manifest(1000)).unwrap();
    bencher.bench(|| {
        let mut editor = Editor::new(&stream).unwrap();
        for at in 0..count {
            editor
                .set_string(0, &image(at), "registry.example.com/shop/x:v2")
                .unwrap();
        }
        editor.finish().unwrap()
    });
}

/// So many whole components copied from another manifest, the proof included.
#[divan::bench(args = [1, 50, 1000])]
fn copy_components(bencher: Bencher<'_, '_>, count: usize) {
    let source = Stream::parse(&manifest(1000).replace(":v1.", ":v2.")).unwrap();
    let target = Stream::parse(&manifest(1000)).unwrap();
    bencher.bench(|| {
        let mut editor = Editor::new(&target).unwrap();
        for at in 0..count {
            let path = image(at).parent().unwrap();
            editor.copy_entry(0, &path, &source, 0).unwrap();
        }
        editor.finish().unwrap()
    });
}

/// Components that the target does not have yet.
#[divan::bench(args = [1, 50])]
fn add_components(bencher: Bencher<'_, '_>, count: usize) {
    let source = Stream::parse(&manifest(1000)).unwrap();
    let target = {
        let mut editor = Editor::new(&source).unwrap();
        for at in 0..count {
            editor.remove(0, &image(at * 7).parent().unwrap()).unwrap();
        }
        Stream::parse(&editor.finish().unwrap()).unwrap()
    };
    bencher.bench(|| {
        let mut editor = Editor::new(&target).unwrap();
        for at in 0..count {
            let path = image(at * 7).parent().unwrap();
            editor.copy_entry(0, &path, &source, 0).unwrap();
        }
        editor.finish().unwrap()
    });
}
