//! What may be asked of a thread over REST, and what it takes. Paths are below the thread.

use everlog_domain::access::Action;

/// What a route takes beside its scopes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needs {
    Right(Action),
    /// One that is told who may not read at all as well.
    ReadAnd(Action),
    /// `update`, and this right, which is given to somebody.
    Giving(Action),
    /// `create`, and being the author or having this right.
    AuthorOr(Action),
    /// The same for an item that is ann's.
    Own,
}

/// A request about a thread.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// JSON, or nothing.
    pub(super) body: &'static str,
    pub(super) needs: Needs,
    pub(super) scopes: &'static [&'static str],
    /// Whether it leaves something behind where it is granted.
    pub(super) changes: bool,
}

const READ: &[&str] = &["threads.read"];
const WRITE: &[&str] = &["threads.write"];
const BOTH: &[&str] = &["threads.read", "threads.write"];

const fn read(name: &'static str, path: &'static str) -> Route {
    Route {
        name,
        method: "GET",
        path,
        body: "",
        needs: Needs::Right(Action::Read),
        scopes: READ,
        changes: false,
    }
}

const fn write(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
    needs: Needs,
) -> Route {
    Route {
        name,
        method,
        path,
        body,
        needs,
        scopes: WRITE,
        changes: true,
    }
}

const CREATE: Needs = Needs::Right(Action::Create);
const UPDATE: Needs = Needs::Right(Action::Update);
const AUTHOR: Needs = Needs::AuthorOr(Action::Update);
const SAY: &str = r#"{"role":"user","parts":[{"type":"text","text":"x"}]}"#;
const PARTS: &str = r#"{"parts":[{"type":"text","text":"anew"}]}"#;
const DELTAS: &str = r#"{"deltas":[{"type":"text","part":0,"text":"x"}]}"#;

/// Every route. In the thread there are: `a`, by the key; `own`, by ann; `open`, which the key writes.
pub(super) const ROUTES: &[Route] = &[
    read("get", ""),
    read("participants", "/participants"),
    read("items", "/items"),
    read("item", "/items/a"),
    read("branch", "/items?branch=active"),
    read("branches", "/items/a/branches"),
    read("reactions", "/items/a/reactions"),
    read("pins", "/pins"),
    read("receipts", "/receipts"),
    read("unread", "/unread"),
    read("history", "/history"),
    read("export", "/export"),
    read("history of an item", "/items/a/history"),
    write("rename", "PATCH", "", r#"{"name":"another"}"#, UPDATE),
    write("delete", "DELETE", "", "", Needs::Right(Action::Delete)),
    write(
        "permissions",
        "PUT",
        "/permissions",
        r#"{"permissions":[]}"#,
        UPDATE,
    ),
    write(
        "admit",
        "PUT",
        "/participants/user:dog",
        r#"{"role":"viewer"}"#,
        Needs::Giving(Action::Read),
    ),
    write("dismiss", "DELETE", "/participants/user:cat", "", UPDATE),
    write("post", "POST", "/items", SAY, CREATE),
    write(
        "open",
        "POST",
        "/items",
        r#"{"role":"user","status":"open"}"#,
        CREATE,
    ),
    write("append", "POST", "/items/open/deltas", DELTAS, AUTHOR),
    write("finish", "POST", "/items/open/finish", "{}", AUTHOR),
    write("abandon", "POST", "/items/open/abandon", "{}", AUTHOR),
    write("edit", "PATCH", "/items/a", PARTS, AUTHOR),
    write("edit one's own", "PATCH", "/items/own", PARTS, Needs::Own),
    write("delete item", "DELETE", "/items/a", "", AUTHOR),
    write("delete one's own", "DELETE", "/items/own", "", Needs::Own),
    write("switch", "PUT", "/branch", r#"{"itemId":"a"}"#, CREATE),
    write("react", "PUT", "/items/a/reactions/up", "", CREATE),
    write("unreact", "DELETE", "/items/a/reactions/up", "", CREATE),
    write("pin", "PUT", "/items/a/pin", "", UPDATE),
    write("unpin", "DELETE", "/items/a/pin", "", UPDATE),
    write(
        "receipt",
        "PUT",
        "/receipt",
        r#"{"itemId":"a"}"#,
        Needs::Right(Action::Read),
    ),
    Route {
        scopes: BOTH,
        ..write(
            "typing",
            "PUT",
            "/typing",
            "",
            Needs::ReadAnd(Action::Create),
        )
    },
    Route {
        scopes: BOTH,
        ..write(
            "typing no more",
            "DELETE",
            "/typing",
            "",
            Needs::ReadAnd(Action::Create),
        )
    },
    Route {
        scopes: BOTH,
        ..write("fork", "POST", "/fork", "{}", Needs::Right(Action::Read))
    },
    Route {
        scopes: BOTH,
        ..write(
            "fork from an item",
            "POST",
            "/fork",
            r#"{"itemId":"a"}"#,
            Needs::Right(Action::Read),
        )
    },
];
