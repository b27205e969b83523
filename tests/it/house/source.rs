//! The project's own text files, as the rules read them.

use std::fs;
use std::path::Path;

/// What tools make or fetch (in a second work tree `.git` is a file); a folder with cargo's `CACHEDIR.TAG` is left out as well, whatever its name.
const NOT_OURS: [&str; 4] = ["target", "node_modules", "dist", ".git"];

/// One text file of the project.
pub(super) struct Source {
    /// From the project's folder, with `/`.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
    }

    /// The number of the first line that only a test build reads; past the end if there is none.
    ///
    /// Tests stand at a file's end, so everything from the first `#[cfg(test)] mod … {` on counts as test.
    pub(super) fn tests_from(&self) -> usize {
        if self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
        {
            return 1;
        }
        let mut previous = "";
        for (number, line) in self.lines() {
            let opens = line.starts_with("mod ") && line.trim_end().ends_with('{');
            if opens && previous.starts_with("#[cfg(test)]") {
                return number;
            }
            previous = line;
        }
        usize::MAX
    }
}

/// Every text file of the project, in the order of their paths.
pub(super) fn project() -> Vec<Source> {
    let mut found = Vec::new();
    collect(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn collect(folder: &Path, below: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{below}{name}");
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && is_ours(&entry.path(), &name) {
            collect(&entry.path(), &format!("{path}/"), found);
        } else if kind.is_file()
            && !NOT_OURS.contains(&name.as_str())
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            found.push(Source { path, text });
        }
    }
}

/// Hidden folders hold tools' state (and the data of `make run`), save the one with the checks' scripts.
fn is_ours(folder: &Path, name: &str) -> bool {
    let hidden = name.starts_with('.') && name != ".ci";
    !hidden && !NOT_OURS.contains(&name) && !folder.join("CACHEDIR.TAG").exists()
}

#[test]
fn the_whole_project_is_read() {
    let paths: Vec<String> = project().into_iter().map(|file| file.path).collect();
    for expected in [
        ".ci/run",
        "Cargo.toml",
        "Makefile",
        "domain/src/lib.rs",
        "tests/it/main.rs",
    ] {
        assert!(
            paths.iter().any(|path| path == expected),
            "{expected} is not among {paths:#?}"
        );
    }
    assert!(!paths.iter().any(|path| path.starts_with("target/")));
}

#[test]
fn tests_begin_where_only_a_test_build_reads() {
    let line = |text: &str| Source::new("src/a.rs", text).tests_from();
    assert_eq!(line("fn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n"), 4);
    assert_eq!(line("#[cfg(test)]\nmod examples;\nfn a() {}\n"), usize::MAX);
    assert_eq!(Source::new("tests/it/a.rs", "fn a() {}").tests_from(), 1);
    assert_eq!(
        Source::new("storage/src/log/tests.rs", "fn a() {}").tests_from(),
        1
    );
}
