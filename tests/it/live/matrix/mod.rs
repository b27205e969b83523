//! The permission matrix: whoever asks × whatever is granted × whatever may be asked, over every
//! surface. What must come out is not written down case by case but computed by a rule of a few lines
//! ([`verdict`]), which knows nothing of the code that is tried.

mod callers;
mod past;
mod reads;
mod routes;
mod settings;
mod verdict;

use callers::{Cast, Who};
use routes::{ROUTES, Route};
use settings::{Setting, settings};
use verdict::{Verdict, expected};

use super::world::World;

/// Collects what came out otherwise, so that one run shows all of it.
#[derive(Default)]
struct Matrix {
    cells: usize,
    wrong: Vec<String>,
}

impl Matrix {
    fn cell(&mut self, name: &str, who: Who, setting: &Setting, found: Verdict, wanted: Verdict) {
        self.cells += 1;
        if found != wanted {
            let granted = &setting.name;
            self.wrong.push(format!(
                "{name} by {who:?}, granted {granted}: expected {wanted:?}, found {found:?}"
            ));
        }
    }

    fn passes(&self, at_least: usize) {
        let shown: Vec<&str> = self.wrong.iter().take(40).map(String::as_str).collect();
        assert!(
            self.wrong.is_empty(),
            "{} of {} cells:\n{}",
            self.wrong.len(),
            self.cells,
            shown.join("\n")
        );
        assert!(self.cells >= at_least, "only {} cells", self.cells);
    }
}

/// Every route of threads and items, reading and writing.
#[tokio::test]
async fn every_route_asks_for_its_right_and_its_scopes() {
    let world = World::new().await;
    let cast = Cast::new(&world.server).await;
    let mut matrix = Matrix::default();
    for setting in settings() {
        for route in ROUTES {
            let mut scene = cast.scene(&setting).await;
            for who in cast.of(&setting) {
                let wanted = expected(who, &setting.rights(who), route);
                let found = cast.try_route(&scene, who, route).await;
                matrix.cell(route.name, who, &setting, found, wanted);
                if found == Verdict::Allowed && route.changes {
                    // what it did must not decide the next cell
                    scene = cast.scene(&setting).await;
                }
            }
        }
    }
    matrix.passes(5_000);
}

/// Lists, live subscriptions, event streams and the log: who sees that there is something.
#[tokio::test]
async fn every_way_of_watching_shows_a_thread_to_its_readers_alone() {
    let world = World::new().await;
    let cast = Cast::new(&world.server).await;
    let mut matrix = Matrix::default();
    for setting in settings() {
        let scene = cast.scene(&setting).await;
        for who in cast.of(&setting) {
            for (name, found, wanted) in cast.watch(&scene, who, &setting).await {
                matrix.cell(name, who, &setting, found, wanted);
            }
        }
    }
    matrix.passes(1_000);
}

/// The past: today's rights and those of the moment, both.
#[tokio::test]
async fn the_past_is_there_for_those_who_may_read_today_and_might_then() {
    let world = World::new().await;
    let cast = Cast::new(&world.server).await;
    let mut matrix = Matrix::default();
    for (setting, lived) in past::lives() {
        let scene = cast.live_through(&lived).await;
        for who in cast.of(&setting) {
            for (name, found, wanted) in cast.look_back(&scene, who, &lived).await {
                matrix.cell(name, who, &setting, found, wanted);
            }
        }
    }
    matrix.passes(300);
}

/// A route that is not in the table is not tried: the table must have all of them.
#[test]
fn the_table_has_every_route_of_threads() {
    let docs = include_str!("../../../../docs/http.md");
    let mut missing = Vec::new();
    for line in docs.lines().filter(|line| line.starts_with("| `")) {
        // the first cell: one or two methods, each with or without the path
        let cell = line.split('|').nth(1).unwrap_or_default();
        let Some(path) = cell.split('`').find_map(path_of) else {
            continue;
        };
        let words = cell.split(|c: char| !c.is_ascii_uppercase());
        for method in words.filter(|word| METHODS.contains(word)) {
            let tried = ROUTES.iter().any(|route| route.covers(method, &path));
            if !tried && !reads::WATCHED.contains(&path.as_str()) {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "no cells for {missing:?}");
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A path below a thread, with the names that the table gives to what it is about.
fn path_of(text: &str) -> Option<String> {
    let path = text.split_whitespace().find(|word| word.contains('/'))?;
    let path = path.split('?').next()?;
    let below = match path.strip_prefix("/v1/threads/{threadId}") {
        Some(below) => below.to_owned(),
        None => path.strip_prefix('…')?.to_owned(),
    };
    Some(below)
}

impl Route {
    /// Whether it is of a pattern, by its segments.
    fn covers(&self, method: &str, pattern: &str) -> bool {
        let own = self.path.split('?').next().unwrap_or_default();
        let (own, pattern) = (own.split('/'), pattern.split('/'));
        let same = own.clone().count() == pattern.clone().count();
        let named = |(own, pattern): (&str, &str)| pattern.starts_with('{') || own == pattern;
        self.method == method && same && own.zip(pattern).all(named)
    }
}
