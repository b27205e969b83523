//! Who may depend on whom. deny.toml judges the same edges in the resolved graph; here a dependency for tests is
//! told from one that is shipped, and the breach names the manifest to mend.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::keep;

/// A crate of the workspace and the crates of the workspace that it may know.
struct Member {
    name: &'static str,
    knows: &'static [&'static str],
    knows_in_tests: &'static [&'static str],
}

const DOMAIN: &str = "everlog-domain";
const STORAGE: &str = "everlog-storage";
const ACTORS: &str = "everlog-actors";
const KIT: &str = "everlog-kit";
const BENCH: &str = "everlog-bench";
const ROOT: &str = "everlog";

const MEMBERS: [Member; 6] = [
    Member {
        name: DOMAIN,
        knows: &[],
        knows_in_tests: &[],
    },
    Member {
        name: STORAGE,
        knows: &[DOMAIN],
        knows_in_tests: &[KIT],
    },
    Member {
        name: ACTORS,
        knows: &[DOMAIN],
        knows_in_tests: &[KIT],
    },
    Member {
        name: ROOT,
        knows: &[DOMAIN, STORAGE, ACTORS],
        knows_in_tests: &[KIT],
    },
    // neither is shipped
    Member {
        name: KIT,
        knows: &[DOMAIN],
        knows_in_tests: &[],
    },
    Member {
        name: BENCH,
        knows: &[DOMAIN, STORAGE, ACTORS, ROOT, KIT],
        knows_in_tests: &[],
    },
];

/// Crates that only their owners may depend on.
struct Claim {
    crates: &'static [&'static str],
    owners: &'static [&'static str],
    reason: &'static str,
}

const CLAIMS: [Claim; 3] = [
    Claim {
        crates: &["fjall", "lsm-tree", "rkyv", "tantivy", "usearch"],
        owners: &[STORAGE],
        reason: "engines and stored layouts stay behind the domain's ports, so that they can be replaced",
    },
    Claim {
        crates: &["ractor"],
        owners: &[ACTORS],
        reason: "its mailboxes are unbounded: callers see handles that can be full",
    },
    Claim {
        crates: &[
            "axum",
            "axum-core",
            "axum-extra",
            "hyper",
            "hyper-util",
            "tower-http",
            "tungstenite",
            "tokio-tungstenite",
        ],
        // the load generator speaks to the server from the outside, as a client
        owners: &[ROOT, BENCH],
        reason: "the rules must not depend on how a request arrives",
    },
];

/// What must not even be dragged into the domain by something else.
const IMPURE: [&str; 9] = [
    "tokio",
    "async-std",
    "smol",
    "mio",
    "ractor",
    "fjall",
    "rkyv",
    "hyper",
    "tungstenite",
];

fn breaches(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| text(package, "name"))
        .collect();
    let mut breaches = Vec::new();
    for package in packages {
        let name = text(package, "name");
        let Some(member) = MEMBERS.iter().find(|member| member.name == name) else {
            breaches.push(format!(
                "{name} is new: say in tests/it/house/edges.rs and deny.toml whom it may know"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = text(dependency, "name");
            let for_tests = dependency["kind"] == "dev";
            if names.contains(on) && !member.may_know(on, for_tests) {
                let kind = if for_tests {
                    "dev-dependency"
                } else {
                    "dependency"
                };
                breaches.push(format!(
                    "{name} → {on} ({kind}): it may know {}",
                    member.permitted()
                ));
            }
            for claim in CLAIMS.iter().filter(|claim| claim.crates.contains(&on)) {
                if !claim.owners.contains(&name) {
                    let owners = claim.owners.join(", ");
                    breaches.push(format!(
                        "{name} → {on}: it belongs to {owners}; {}",
                        claim.reason
                    ));
                }
            }
        }
    }
    breaches
}

impl Member {
    fn may_know(&self, other: &str, for_tests: bool) -> bool {
        self.knows.contains(&other) || (for_tests && self.knows_in_tests.contains(&other))
    }

    fn permitted(&self) -> String {
        let shipped = if self.knows.is_empty() {
            "nobody".to_owned()
        } else {
            self.knows.join(", ")
        };
        match self.knows_in_tests {
            [] => shipped,
            tests => format!("{shipped}, in tests {}", tests.join(", ")),
        }
    }
}

fn text<'value>(value: &'value Value, field: &str) -> &'value str {
    value[field].as_str().unwrap()
}

/// What cargo says, offline: a test build has already fetched everything that these two commands read.
fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = Command::new(cargo)
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "cargo {arguments:?} failed: {errors}");
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn crates_know_only_whom_they_may() {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata = serde_json::from_str(&metadata).unwrap();
    keep(
        "Each crate depends only on those that ARCHITECTURE.md lets it know.",
        "the compiler then forbids what the design forbids: I/O in a decision, an engine in an actor, HTTP in a rule",
        &breaches(&metadata),
    );
}

#[test]
fn the_domain_is_pure_all_the_way_down() {
    let tree = cargo(&[
        "tree",
        "-p",
        DOMAIN,
        "-e",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let dragged: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        dragged.contains(DOMAIN),
        "cargo tree did not list the domain itself:\n{tree}"
    );
    let found = IMPURE.iter().filter(|name| dragged.contains(**name));
    keep(
        "Nothing in the domain's whole dependency tree does I/O.",
        "a decision is replayed, simulated and read as a plain function",
        &found
            .map(|name| format!("{name}; ask cargo tree -p {DOMAIN} -i {name}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn forbidden_edges_are_found() {
    let judge = |from: &str, on: &str, kind: Value| {
        let dependency = json!({"name": on, "kind": kind});
        breaches(&json!({"packages": [
            {"name": from, "dependencies": [dependency]},
            {"name": DOMAIN, "dependencies": []},
            {"name": STORAGE, "dependencies": []},
            {"name": KIT, "dependencies": []},
        ]}))
    };
    let forbidden = [
        (DOMAIN, STORAGE, Value::Null),
        (DOMAIN, KIT, json!("dev")),
        (DOMAIN, "fjall", Value::Null),
        (STORAGE, KIT, Value::Null),
        (STORAGE, KIT, json!("build")),
        (ACTORS, STORAGE, Value::Null),
        (ACTORS, STORAGE, json!("dev")),
        (ACTORS, "rkyv", Value::Null),
        (ACTORS, "axum", json!("dev")),
        (STORAGE, "ractor", Value::Null),
        (ROOT, "ractor", Value::Null),
        (ROOT, KIT, Value::Null),
        (KIT, "tokio-tungstenite", Value::Null),
    ];
    for (from, on, kind) in forbidden {
        let found = judge(from, on, kind.clone());
        assert!(
            found.len() == 1 && found[0].starts_with(&format!("{from} → {on}")),
            "{from} → {on} as {kind}: {found:?}"
        );
    }
    let permitted = [
        (STORAGE, DOMAIN, Value::Null),
        (STORAGE, KIT, json!("dev")),
        (STORAGE, "fjall", Value::Null),
        (ACTORS, "ractor", Value::Null),
        (ROOT, "axum", Value::Null),
        (DOMAIN, "proptest", json!("dev")),
    ];
    for (from, on, kind) in permitted {
        assert_eq!(judge(from, on, kind), Vec::<String>::new(), "{from} → {on}");
    }
    assert_eq!(judge("everlog-new", "serde", Value::Null).len(), 1);
}
