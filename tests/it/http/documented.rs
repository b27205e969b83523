//! The documentation names what the program knows.

use everlog::error::ErrorType;

const DOCUMENT: &str = include_str!("../../../docs/http.md");

#[test]
fn every_error_is_documented_with_its_status() {
    let missing: Vec<String> = ErrorType::ALL
        .iter()
        .map(|kind| format!("| `{}` | {} |", kind.name(), kind.status().as_u16()))
        .filter(|row| !DOCUMENT.contains(row.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/http.md lacks\n{}",
        missing.join("\n")
    );
}

#[test]
fn names_of_errors_are_unique() {
    let mut names: Vec<&str> = ErrorType::ALL.iter().map(|kind| kind.name()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}
