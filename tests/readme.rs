//! The README's tables of errors are those of `logits::contract`.

#[path = "readme/parts.rs"]
mod parts;

#[test]
fn errors_are_those_of_the_contract() {
    let readme = include_str!("../README.md");
    let part = parts::range(readme, "accuracy").expect("a part <!-- accuracy --> of the README");
    assert!(
        readme[part] == parts::accuracy(),
        "stale: run `cargo run --release --manifest-path benches/figures/Cargo.toml -- readme`. \
         It should be\n{}",
        parts::accuracy()
    );
}
