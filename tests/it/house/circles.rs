//! No circles between the modules of a folder, in any folder of any crate.
//!
//! The check reads text, not syntax: paths that begin with `crate::`, `self::` or `super::`. What a folder's own file
//! re-exports counts as part of the module that it comes from. Test modules may look anywhere, and a folder's own file
//! (the crate's root, `a.rs` beside `a/`, `a/mod.rs`), which routes and re-exports, is above the others.

use std::collections::{BTreeMap, BTreeSet};

use super::keep;
use super::source::{Source, project};

const CRATES: [&str; 6] = [
    "domain/src",
    "storage/src",
    "actors/src",
    "src",
    "tests/kit/src",
    "benches/src",
];

/// Edges of a circle that was looked at and has to be for now.
struct Unavoidable {
    folder: &'static str,
    /// From a module to another.
    edges: &'static [(&'static str, &'static str)],
    reason: &'static str,
}

const UNAVOIDABLE: [Unavoidable; 0] = [];

/// The names that lead to a module or an item, from the crate's root on.
type Path = Vec<String>;

struct Module {
    /// Empty for the crate's root.
    path: Path,
    file: String,
    code: String,
}

/// From a module to another of the same folder, with the first place that says so.
type Edges = BTreeMap<(String, String), String>;

/// The modules of a crate.
struct Crate {
    modules: Vec<Module>,
    paths: BTreeSet<Path>,
    /// By module: what it re-exports by name, and from where.
    exports: BTreeMap<Path, BTreeMap<String, Path>>,
}

impl Crate {
    fn read(root: &str, files: &[Source]) -> Self {
        let module = |file: &Source| {
            let path = file.path.strip_prefix(root)?.strip_prefix('/')?;
            Some(Module {
                path: module_path(path)?,
                file: file.path.clone(),
                code: code(file),
            })
        };
        let modules: Vec<Module> = files.iter().filter_map(module).collect();
        let exports = |module: &Module| (module.path.clone(), exports(module));
        Self {
            paths: modules
                .iter()
                .flat_map(|module| above(&module.path))
                .collect(),
            exports: modules.iter().map(exports).collect(),
            modules,
        }
    }

    /// The edges between the modules of each folder.
    fn folders(&self) -> BTreeMap<Path, Edges> {
        let mut folders: BTreeMap<Path, Edges> = BTreeMap::new();
        for module in &self.modules {
            for (at, path) in named_paths(module) {
                let target = self.origin(path);
                let shared = shared(&module.path, &target);
                let (Some(from), Some(to)) = (module.path.get(shared), target.get(shared)) else {
                    continue; // from or to a folder's own file
                };
                if self.paths.contains(&target[..=shared]) {
                    let line = module.code[..at].lines().count().max(1);
                    let edges = folders.entry(target[..shared].to_vec()).or_default();
                    edges
                        .entry((from.clone(), to.clone()))
                        .or_insert_with(|| format!("{}:{line}", module.file));
                }
            }
        }
        folders
    }

    /// Where a path leads, once re-exports are followed to what they stand for.
    fn origin(&self, mut path: Path) -> Path {
        // a bound, should names of types and of functions read as a re-export in a circle
        for _ in 0..self.modules.len() {
            let inside = above(&path).filter(|module| self.paths.contains(module));
            let module = inside.last().unwrap_or_default();
            let exported = path.get(module.len()).and_then(|name| {
                let exports = self.exports.get(&module)?;
                exports.get(name)
            });
            let Some(exported) = exported else { break };
            let rest = path.split_off(module.len() + 1);
            path = [exported.clone(), rest].concat();
        }
        path
    }
}

/// The path of the module that a file holds; none for what only tests read, and for programs beside a library.
fn module_path(path: &str) -> Option<Path> {
    let mut names: Path = path
        .strip_suffix(".rs")?
        .split('/')
        .map(str::to_owned)
        .collect();
    let apart = |name: &String| name == "tests" || name.ends_with("_tests") || name == "bin";
    if path == "main.rs" || names.iter().any(apart) {
        return None;
    }
    if path == "lib.rs" || path.ends_with("/mod.rs") {
        names.pop();
    }
    Some(names)
}

/// The paths that `path` goes through, itself included.
fn above(path: &[String]) -> impl Iterator<Item = Path> {
    (1..=path.len()).map(|length| path[..length].to_vec())
}

fn shared(one: &[String], other: &[String]) -> usize {
    let both = one.iter().zip(other);
    both.take_while(|(one, other)| one == other).count()
}

/// The file without comments and without its tests; lines keep their numbers.
fn code(file: &Source) -> String {
    let end = file.tests_from();
    let lines = file.lines().take_while(|(number, _)| *number < end);
    lines
        .map(|(_, line)| format!("{}\n", line.split("//").next().unwrap_or("")))
        .collect()
}

/// Every path that a module's code names by its place in the crate, and where it stands in the code.
fn named_paths(module: &Module) -> Vec<(usize, Path)> {
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in module.code.match_indices(start) {
            let before = module.code[..at].chars().next_back();
            if before.is_some_and(|before| is_in_name(before) || before == ':') {
                continue;
            }
            let leaves = leaves(&module.code[at..]).0.into_iter();
            found.extend(leaves.map(|leaf| (at, from_the_root(&module.path, leaf))));
        }
    }
    found
}

/// What `pub use` and its narrower sorts make known under a module's own path.
fn exports(module: &Module) -> BTreeMap<String, Path> {
    let mut exports = BTreeMap::new();
    for (at, begin) in module.code.match_indices("use ") {
        let before = module.code[..at].rsplit('\n').next().unwrap_or_default();
        if before.starts_with("pub") {
            for leaf in leaves(&module.code[at + begin.len()..]).0 {
                let path = from_the_root(&module.path, leaf);
                exports.extend(path.last().cloned().map(|name| (name, path)));
            }
        }
    }
    exports
}

/// A path as it stands in a module, by the crate's root.
fn from_the_root(module: &[String], path: Path) -> Path {
    let mut from_the_root = module.to_vec();
    for name in path {
        match name.as_str() {
            "crate" => from_the_root.clear(),
            "super" => drop(from_the_root.pop()),
            "self" => {}
            _ => from_the_root.push(name),
        }
    }
    from_the_root
}

fn is_in_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The paths that `text` begins with, more than one of a `{group, of::them}`, and what follows them.
fn leaves(text: &str) -> (Vec<Path>, &str) {
    if let Some(group) = text.strip_prefix('{') {
        return leaves_of_group(group);
    }
    let (name, rest) = text.split_at(
        text.find(|letter| !is_in_name(letter))
            .unwrap_or(text.len()),
    );
    let (below, rest) = match rest.strip_prefix("::") {
        Some(below) => leaves(below),
        None => (Vec::new(), rest),
    };
    let path = |below: Path| [vec![name.to_owned()], below].concat();
    match (name, below.is_empty()) {
        ("", _) => (Vec::new(), rest),
        (_, true) => (vec![path(Vec::new())], rest),
        (_, false) => (below.into_iter().map(path).collect(), rest),
    }
}

fn leaves_of_group(group: &str) -> (Vec<Path>, &str) {
    let mut found = Vec::new();
    let mut rest = group;
    loop {
        let (leaves, after) = leaves(rest.trim_start());
        found.extend(leaves);
        // past an `as name` or a `*`, to whatever ends this member
        let end = after.find([',', '}']).unwrap_or(after.len());
        match after[end..].strip_prefix(',') {
            Some(next) => rest = next,
            None => return (found, after[end..].strip_prefix('}').unwrap_or_default()),
        }
    }
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

impl Unavoidable {
    /// Takes its edges away, and says which of them are no more.
    fn allow(&self, edges: &mut Edges) -> Vec<String> {
        let Self { folder, reason, .. } = self;
        let mut gone = Vec::new();
        for (from, to) in self.edges {
            if edges
                .remove(&((*from).to_owned(), (*to).to_owned()))
                .is_none()
            {
                gone.push(format!(
                    "{folder}: {from} → {to} is gone: take it off the list, where it says: {reason}"
                ));
            }
        }
        gone
    }
}

#[test]
fn modules_form_no_circle() {
    let files = project();
    let mut breaches = Vec::new();
    for root in CRATES {
        for (path, mut edges) in Crate::read(root, &files).folders() {
            let folder = [vec![root.to_owned()], path].concat().join("/");
            for known in UNAVOIDABLE.iter().filter(|known| known.folder == folder) {
                breaches.extend(known.allow(&mut edges));
            }
            let circles = on_circles(&edges).into_iter();
            breaches.extend(circles.map(|edge| format!("{folder}: {edge}")));
        }
    }
    keep(
        "The modules of a folder form no circle.",
        "modules in a circle can only be understood, tested and changed together: move what both need below both",
        &breaches,
    );
}

/// The circles of a crate whose root is `src`, folder by folder.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<Source> = files
        .iter()
        .map(|(path, text)| Source::new(path, text))
        .collect();
    let folders = Crate::read("src", &files).folders();
    folders.values().flat_map(on_circles).collect()
}

#[test]
fn circles_are_found() {
    let both = ["a → b at src/a.rs:1", "b → a at src/b/c.rs:2"];
    let ways = [
        ("use crate::b::B;\n", "\nuse crate::a;\n"),
        ("fn x() { super::b::x() }", "\nuse super::super::a;"),
        ("use crate::{\n  x::{y, b},\n  b,\n};", "\nuse crate::{a};"),
        ("use {super::b};", "\nuse super::{d, super::a::A as X};"),
    ];
    for (a, c) in ways {
        let found = circles_of(&[("src/a.rs", a), ("src/b/c.rs", c)]);
        assert_eq!(found, both, "{a} {c}");
    }
    let three = [
        ("src/a.rs", "use crate::b;"),
        ("src/b.rs", "use crate::c;"),
        ("src/c.rs", "use crate::a;"),
    ];
    assert_eq!(circles_of(&three).len(), 3);
}

#[test]
fn circles_are_found_in_every_folder() {
    let both = ["b → c at src/a/b/x.rs:1", "c → b at src/a/c.rs:1"];
    let ways = [
        ("use super::super::c::C;", "use super::b::B;"),
        ("use crate::a::c::C;", "use crate::a::b;"),
        ("use crate::a::C;", "use super::B;"),
        ("use crate::C;", "use super::b::x::X;"),
    ];
    let roots = [
        ("src/lib.rs", "pub use a::C;"),
        ("src/a/mod.rs", "pub(crate) use self::{b::B, c::C};"),
        ("src/a/b.rs", ""),
    ];
    for (x, c) in ways {
        let files = [&roots[..], &[("src/a/b/x.rs", x), ("src/a/c.rs", c)]].concat();
        assert_eq!(circles_of(&files), both, "{x} {c}");
    }
}

#[test]
fn what_is_no_circle_is_not_found() {
    let fine = "// crate::a\n/// [`crate::a::A`]\nuse crate::b::x;\nuse super::c;\n#[cfg(test)]\nmod tests {\nuse crate::a;\n}";
    let below = [
        ("src/a.rs", "use crate::b;"),
        ("src/b/mod.rs", fine),
        ("src/b/c.rs", "use super::a;"),
    ];
    let program = [
        ("src/main.rs", "use crate::a;"),
        ("src/a.rs", "use crate::main;"),
    ];
    let own_file = [
        ("src/a/mod.rs", "use self::b::B;\npub use self::b::C;"),
        ("src/a/b.rs", "use super::A;\nuse crate::a::C;"),
    ];
    for files in [&below[..], &program, &own_file] {
        assert_eq!(circles_of(files), Vec::<String>::new(), "{files:?}");
    }
}
