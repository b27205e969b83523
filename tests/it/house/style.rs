//! Bans on words, names and sizes.

use super::keep;
use super::source::{Source, project};

/// A newcomer reads a file in one sitting; most should have less than a third of this.
const LONGEST_RUST_FILE: usize = 600;

/// A ban on words in the text of files. The words are put together here, or this file would break its own rules.
struct Ban {
    rule: &'static str,
    reason: &'static str,
    words: &'static [&'static str],
    read: fn(&Source) -> bool,
}

const BANS: [Ban; 4] = [
    Ban {
        rule: "No test is switched off, or the only one switched on.",
        reason: "a test that does not run is believed all the same: mend it or delete it",
        words: &[
            concat!("#[ig", "nore"),
            concat!("it.sk", "ip("),
            concat!("test.sk", "ip("),
            concat!("describe.sk", "ip("),
            concat!("it.on", "ly("),
            concat!("test.on", "ly("),
            concat!("describe.on", "ly("),
        ],
        read: is_code,
    },
    Ban {
        rule: "Nothing is left for later in the code.",
        reason: "what is not there is an issue, where somebody decides about it; a note in the code is forgotten",
        words: &[
            concat!("to", "do!("),
            concat!("unimple", "mented!("),
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
        ],
        read: is_code,
    },
    Ban {
        rule: "No path of somebody's machine.",
        reason: "it exists nowhere else: take the path from an argument, the environment or the manifest's folder",
        words: &[
            concat!("/ho", "me/"),
            concat!("/Us", "ers/"),
            concat!("/ro", "ot/"),
            concat!("/wo", "rk/"),
        ],
        read: |_| true,
    },
    Ban {
        rule: "No address of a package registry's host.",
        reason: "whoever builds chooses the registry or mirror; a lock file that names a host breaks behind another",
        words: &[
            concat!("index.cra", "tes.io"),
            concat!("static.cra", "tes.io"),
            concat!("registry.np", "mjs.org"),
            concat!("registry.yarn", "pkg.com"),
            concat!("arti", "factory"),
        ],
        read: |_| true,
    },
];

fn is_code(file: &Source) -> bool {
    [".rs", ".ts", ".tsx", ".js", ".mjs"]
        .iter()
        .any(|ending| file.path.ends_with(ending))
}

fn banned_words(ban: &Ban, files: &[Source]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| (ban.read)(file)) {
        for (number, line) in file.lines() {
            for word in ban.words.iter().filter(|word| stands_alone(line, word)) {
                breaches.push(format!("{}:{number}: {word}", file.path));
            }
        }
    }
    breaches
}

/// Whether `line` has `word`, and if that is a path, where the path begins: inside an address it is something else.
fn stands_alone(line: &str, word: &str) -> bool {
    let inside = |before: char| before.is_alphanumeric() || "_-./}$".contains(before);
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !word.starts_with('/') || !before.is_some_and(inside)
    })
}

#[test]
fn no_banned_words() {
    let files = project();
    for ban in &BANS {
        keep(ban.rule, ban.reason, &banned_words(ban, &files));
    }
}

#[test]
fn every_banned_word_is_found() {
    for ban in &BANS {
        for word in ban.words {
            let file = Source::new("src/a.rs", &format!("fn a() {{\n    {word}x\n}}\n"));
            assert_eq!(banned_words(ban, &[file]), [format!("src/a.rs:2: {word}")]);
        }
    }
    let address = format!("see https://example.org{}page", concat!("/ho", "me/"));
    assert!(!stands_alone(&address, concat!("/ho", "me/")));
}

/// Names that say nothing: whatever has no place ends up there, until everything depends on it.
const EMPTY_NAMES: [&str; 9] = [
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "stuff",
];

fn empty_names(files: &[Source]) -> Vec<String> {
    let says_nothing = |path: &str| {
        path.split(['/', '_', '-', '.'])
            .any(|word| EMPTY_NAMES.contains(&word.to_lowercase().as_str()))
    };
    let paths = files.iter().map(|file| file.path.clone());
    paths.filter(|path| says_nothing(path)).collect()
}

#[test]
fn names_say_what_a_file_does() {
    keep(
        "No file or folder is named utils, common, helpers, manager or the like.",
        "code lives with its owner, and a name says what a file does",
        &empty_names(&project()),
    );
}

#[test]
fn empty_names_are_found() {
    let bad = [
        "src/utils/a.rs",
        "domain/src/log_helpers.rs",
        "src/Manager.ts",
        "src/common.rs",
    ];
    let files: Vec<Source> = bad.iter().map(|path| Source::new(path, "")).collect();
    assert_eq!(empty_names(&files), bad);
    assert!(empty_names(&[Source::new("src/commonality.rs", "")]).is_empty());
}

fn too_long(files: &[Source]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.is_rust());
    rust.map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_RUST_FILE)
        .map(|(file, lines)| format!("{}: {lines} lines", file.path))
        .collect()
}

#[test]
fn files_are_short() {
    keep(
        "No Rust file has more than 600 lines.",
        "nobody reads it whole any more: split it along what it does",
        &too_long(&project()),
    );
}

#[test]
fn long_files_are_found() {
    let just = Source::new("src/a.rs", &"\n".repeat(LONGEST_RUST_FILE));
    let over = Source::new("src/b.rs", &"\n".repeat(LONGEST_RUST_FILE + 1));
    assert_eq!(too_long(&[just, over]), ["src/b.rs: 601 lines"]);
}

/// Lines of `file` in `from..` that hold `word` in code, unless `excuses` says yes to the comment on the line or to
/// one of those right above it.
fn without_reason(
    file: &Source,
    from: usize,
    word: &str,
    excuses: fn(&str) -> bool,
) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut excused = false;
    for (number, line) in file.lines() {
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let reasoned = excuses(comment);
        if number >= from && code.contains(word) && !reasoned && !excused {
            breaches.push(format!("{}:{number}: {}", file.path, line.trim()));
        }
        // a comment covers the line below it, however many lines it has itself
        excused = reasoned || (excused && code.trim().is_empty());
    }
    breaches
}

/// Long enough to say why; whether it is a good reason is for a reader.
fn is_sentence(comment: &str) -> bool {
    comment.split_whitespace().count() >= 3
}

fn is_proof(comment: &str) -> bool {
    comment.contains("SAFETY: ")
}

#[test]
fn tests_do_not_wait_by_sleeping() {
    let files = project();
    let rust = files.iter().filter(|file| file.is_rust());
    keep(
        "A test does not sleep, unless a comment on the line or right above it says why nothing else will do.",
        "it is either too short, and fails on a busy machine, or too long: await an offset, a frame, a closed socket, \
         or pause the clock",
        &rust
            .flat_map(|file| {
                without_reason(file, file.tests_from(), concat!("sle", "ep("), is_sentence)
            })
            .collect::<Vec<_>>(),
    );
}

#[test]
fn unsafe_code_is_proven() {
    let files = project();
    let rust = files.iter().filter(|file| file.is_rust());
    let words = [concat!("uns", "afe {"), concat!("uns", "afe impl")];
    keep(
        "`unsafe` has a comment `SAFETY: …` above it.",
        "the compiler no longer proves that it is sound, so the reader must be able to",
        &rust
            .flat_map(|file| words.map(|word| without_reason(file, 1, word, is_proof)))
            .flatten()
            .collect::<Vec<_>>(),
    );
}

#[test]
fn words_without_a_reason_are_found() {
    let word = concat!("sle", "ep(");
    let found = |text: String, excuses| {
        without_reason(&Source::new("tests/it/a.rs", &text), 1, word, excuses)
    };
    let bare = format!("a();\n  {word}1);\n");
    assert_eq!(
        found(bare, is_sentence),
        [format!("tests/it/a.rs:2: {word}1);")]
    );

    let bad = [
        format!("{word}1); // a while\n"),
        format!("// the server's own timer\n{word}1);\n{word}2);\n"),
        format!("// the server's own timer\na();\n{word}1);\n"),
    ];
    for text in bad {
        assert_eq!(found(text.clone(), is_sentence).len(), 1, "{text}");
    }
    let good = [
        format!("{word}1); // the server's own timer\n"),
        format!("// the server has a timer\n// here\n{word}1);\n"),
        format!("// {word} would be wrong here\n"),
    ];
    for text in good {
        assert!(found(text.clone(), is_sentence).is_empty(), "{text}");
    }
    assert_eq!(
        found(format!("// it is always fine\n{word}1);"), is_proof).len(),
        1
    );
    assert!(found(format!("// SAFETY: one thread\n{word}1);"), is_proof).is_empty());
}

fn extra_test_binaries(files: &[Source]) -> Vec<String> {
    let crates = [
        "",
        "domain/",
        "storage/",
        "actors/",
        "benches/",
        "tests/kit/",
    ];
    let is_binary = |path: &str| {
        let tests = crates
            .iter()
            .find_map(|at| path.strip_prefix(at)?.strip_prefix("tests/"));
        tests.is_some_and(|name| name.ends_with(".rs") && !name.contains('/'))
    };
    let paths = files.iter().map(|file| file.path.clone());
    paths.filter(|path| is_binary(path)).collect()
}

#[test]
fn one_integration_binary() {
    keep(
        "Integration tests are modules of tests/it/main.rs.",
        "each further binary links the engines again: a minute of every build, for nothing",
        &extra_test_binaries(&project()),
    );
}

#[test]
fn extra_test_binaries_are_found() {
    let files = [
        "tests/it/threads.rs",
        "storage/tests/log.rs",
        "tests/api.rs",
        "storage/src/tests/a.rs",
    ]
    .map(|path| Source::new(path, ""));
    assert_eq!(
        extra_test_binaries(&files),
        ["storage/tests/log.rs", "tests/api.rs"]
    );
}
