//! No circles between the modules at the top of a crate.
//!
//! The check reads text, not syntax: paths that begin with `crate::`, or with as many `super::` as lead to the top.
//! Test modules may look anywhere, and the crate's root file, which routes and re-exports, is above the others.

use std::collections::{BTreeMap, BTreeSet};

use super::keep;
use super::source::{Source, project};

const CRATES: [&str; 5] = [
    "domain/src/",
    "storage/src/",
    "actors/src/",
    "src/",
    "tests/kit/src/",
];

/// A circle that was looked at and found to be right.
struct Unavoidable {
    krate: &'static str,
    from: &'static str,
    to: &'static str,
    reason: &'static str,
}

const UNAVOIDABLE: [Unavoidable; 0] = [];

/// From a module to another, with the first place that says so.
type Edges = BTreeMap<(String, String), String>;

fn edges(krate: &str, files: &[Source]) -> Edges {
    let files: Vec<(&Source, Vec<&str>)> = files
        .iter()
        .filter_map(|file| Some((file, modules(file.path.strip_prefix(krate)?)?)))
        .collect();
    let tops: BTreeSet<&str> = files.iter().map(|(_, modules)| modules[0]).collect();
    let mut edges = Edges::new();
    for (file, modules) in &files {
        let code = code(file);
        for (at, to) in paths_from_the_top(&code, modules.len()) {
            if to != modules[0] && tops.contains(to.as_str()) {
                let line = code[..at].lines().count().max(1);
                edges
                    .entry((modules[0].to_owned(), to))
                    .or_insert_with(|| format!("{}:{line}", file.path));
            }
        }
    }
    edges
}

/// The path of the module that a file holds; none for the crate's root and for what only tests read.
fn modules(path: &str) -> Option<Vec<&str>> {
    let mut modules: Vec<&str> = path.strip_suffix(".rs")?.split('/').collect();
    if modules.last() == Some(&"mod") {
        modules.pop();
    }
    let root = matches!(modules[..], ["lib" | "main"]);
    let tests = modules.iter().any(|name| matches!(*name, "tests" | "bin"));
    (!root && !tests).then_some(modules)
}

/// The file without comments and without its tests; lines keep their numbers.
fn code(file: &Source) -> String {
    let end = file.tests_from();
    let lines = file.lines().take_while(|(number, _)| *number < end);
    lines
        .map(|(_, line)| format!("{}\n", line.split("//").next().unwrap_or("")))
        .collect()
}

/// Where `code` names modules at the crate's top, seen from a module at `depth`.
fn paths_from_the_top(code: &str, depth: usize) -> Vec<(usize, String)> {
    let up = "super::".repeat(depth);
    let mut found = Vec::new();
    for start in ["crate::", up.as_str()] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before
                .is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':')
            {
                continue;
            }
            found.extend(
                first_names(&code[at + start.len()..])
                    .into_iter()
                    .map(|name| (at, name)),
            );
        }
    }
    found
}

/// The name that `rest` begins with, or all the first names of a `{group, of::them}`.
fn first_names(rest: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut names = Vec::new();
    let (mut depth, mut begins) = (0_usize, true);
    for (at, letter) in group.char_indices() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && !letter.is_whitespace() => {
                names.push(word(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// The edges that lie on a circle.
fn on_circles(edges: &Edges) -> Vec<String> {
    let reaches = |from: &str, goal: &str| {
        let mut seen = BTreeSet::from([from]);
        let mut next = vec![from];
        while let Some(here) = next.pop() {
            if here == goal {
                return true;
            }
            let onward = edges.keys().filter(|(from, _)| from == here);
            next.extend(
                onward
                    .map(|(_, to)| to.as_str())
                    .filter(|to| seen.insert(to)),
            );
        }
        false
    };
    edges
        .iter()
        .filter(|((from, to), _)| reaches(to, from))
        .map(|((from, to), place)| format!("{from} → {to} at {place}"))
        .collect()
}

#[test]
fn modules_form_no_circle() {
    let files = project();
    for krate in CRATES {
        let mut edges = edges(krate, &files);
        for known in UNAVOIDABLE.iter().filter(|known| known.krate == krate) {
            let edge = (known.from.to_owned(), known.to.to_owned());
            let gone = edges.remove(&edge).is_none();
            assert!(
                !gone,
                "{edge:?} in {krate} is gone: take it off the list, where it says: {}",
                known.reason
            );
        }
        keep(
            &format!("The modules at the top of {krate} form no circle."),
            "modules in a circle can only be understood, tested and changed together: move what both need below both",
            &on_circles(&edges),
        );
    }
}

#[test]
fn circles_are_found() {
    let judge = |files: &[(&str, &str)]| {
        let files: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::new(path, text))
            .collect();
        on_circles(&edges("src/", &files))
    };
    let both = ["a → b at src/a.rs:1", "b → a at src/b/c.rs:2"];
    assert_eq!(
        judge(&[
            ("src/a.rs", "use crate::b::B;\n"),
            ("src/b/c.rs", "\nuse crate::a;\n")
        ]),
        both
    );
    assert_eq!(
        judge(&[
            ("src/a.rs", "fn x() { super::b::x() }"),
            ("src/b/c.rs", "\nuse super::super::a;")
        ]),
        both
    );
    assert_eq!(
        judge(&[
            ("src/a.rs", "use crate::{\n  x::{y, b},\n  b,\n};"),
            ("src/b/c.rs", "\nuse crate::{a};")
        ]),
        both
    );

    let three = [
        ("src/a.rs", "use crate::b;"),
        ("src/b.rs", "use crate::c;"),
        ("src/c.rs", "use crate::a;"),
    ];
    assert_eq!(judge(&three).len(), 3);

    let fine = "// crate::a\n/// [`crate::a::A`]\nuse crate::b::x;\nuse super::c;\n#[cfg(test)]\nmod tests {\nuse crate::a;\n}";
    assert!(
        judge(&[
            ("src/a.rs", "use crate::b;"),
            ("src/b/mod.rs", fine),
            ("src/b/c.rs", "use super::a;")
        ])
        .is_empty()
    );
    assert!(
        judge(&[
            ("src/main.rs", "use crate::a;"),
            ("src/a.rs", "use crate::main;")
        ])
        .is_empty()
    );
}
