//! A fork reads as a whole copy of its source would have, whatever happens to either.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::history::reach;
use super::request::Ask;
use super::world::World;

/// What happens. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    Post {
        thread: usize,
        parent: Option<usize>,
    },
    Edit {
        thread: usize,
        item: usize,
    },
    Delete {
        thread: usize,
        item: usize,
    },
    React {
        thread: usize,
        item: usize,
    },
    Fork {
        thread: usize,
    },
    ForkFrom {
        thread: usize,
        item: usize,
    },
    /// Keeps this moment.
    Note {
        thread: usize,
    },
    /// Forks as it was at a moment that was kept.
    ForkAt {
        note: usize,
    },
    DeleteThread {
        thread: usize,
    },
}

#[derive(Debug, Clone, PartialEq)]
struct Item {
    id: String,
    text: Option<String>,
    tokens: u64,
    parent: Option<String>,
    status: &'static str,
}

type Thread = Vec<Item>;

/// What the threads are, if each fork were a copy.
struct Copies {
    world: World,
    key: String,
    made: usize,
    threads: BTreeMap<String, Thread>,
    notes: Vec<(String, String, Thread)>,
}

fn step() -> impl Strategy<Value = Step> {
    let some = || 0_usize..64;
    prop_oneof![
        6 => (some(), prop::option::of(some()))
            .prop_map(|(thread, parent)| Step::Post { thread, parent }),
        4 => (some(), some()).prop_map(|(thread, item)| Step::Edit { thread, item }),
        2 => (some(), some()).prop_map(|(thread, item)| Step::Delete { thread, item }),
        1 => (some(), some()).prop_map(|(thread, item)| Step::React { thread, item }),
        2 => some().prop_map(|thread| Step::Fork { thread }),
        2 => (some(), some()).prop_map(|(thread, item)| Step::ForkFrom { thread, item }),
        2 => some().prop_map(|thread| Step::Note { thread }),
        2 => some().prop_map(|note| Step::ForkAt { note }),
        1 => some().prop_map(|thread| Step::DeleteThread { thread }),
    ]
}

impl Copies {
    async fn new() -> Self {
        let world = World::new().await;
        let key = world.full_key("one").await;
        world.thread(&key, json!({ "threadId": "t0" })).await;
        Self {
            world,
            key,
            made: 0,
            threads: [("t0".to_owned(), Vec::new())].into(),
            notes: Vec::new(),
        }
    }

    fn fresh(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{}", self.made)
    }

    fn thread(&self, number: usize) -> Option<String> {
        let ids: Vec<&String> = self.threads.keys().collect();
        let id = ids.get(number % ids.len().max(1))?;
        Some((*id).clone())
    }

    /// An item that is not deleted.
    fn item(&self, thread: &str, number: usize) -> Option<String> {
        let there: Vec<&Item> = self.threads[thread]
            .iter()
            .filter(|item| item.text.is_some())
            .collect();
        let item = there.get(number % there.len().max(1))?;
        Some(item.id.clone())
    }

    async fn done(&self, ask: Ask) -> Value {
        let reply = self.world.ask(ask.bearer(&self.key)).await;
        assert!(reply.status < 300, "{}", reply.text);
        reply.body
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::Post { thread, parent } => self.post(*thread, *parent).await,
            Step::Edit { thread, item } => {
                let text = self.fresh("edited ");
                let parts = json!([{ "type": "text", "text": text }]);
                let ask = |path: String| {
                    Ask::new("PATCH", path).body(json!({ "parts": parts }).to_string())
                };
                let edited = |item: &mut Item| item.text = Some(text.clone());
                self.change(*thread, *item, "", ask, edited).await;
            }
            Step::Delete { thread, item } => {
                let gone = |item: &mut Item| {
                    item.text = None;
                    item.tokens = 0;
                    item.status = "deleted";
                };
                self.change(*thread, *item, "", Ask::delete, gone).await;
            }
            Step::React { thread, item } => {
                let ask = |path: String| Ask::new("PUT", path);
                self.change(*thread, *item, "/reactions/up", ask, |_| ())
                    .await;
            }
            Step::Fork { thread } => {
                let Some(source) = self.thread(*thread) else {
                    return;
                };
                let copy = self.threads[&source].clone();
                self.fork(&source, json!({}), copy).await;
            }
            Step::ForkFrom { thread, item } => {
                let Some(source) = self.thread(*thread) else {
                    return;
                };
                let Some(item) = self.item(&source, *item) else {
                    return;
                };
                let mut copy = self.threads[&source].clone();
                let last = copy.iter().position(|other| other.id == item).unwrap();
                copy.truncate(last + 1);
                self.fork(&source, json!({ "itemId": item }), copy).await;
            }
            Step::Note { thread } => {
                let Some(thread) = self.thread(*thread) else {
                    return;
                };
                let name = Ask::new("PATCH", format!("/v1/threads/{thread}"))
                    .body(json!({ "name": self.fresh("n") }).to_string());
                let at = reach(&self.world, name.bearer(&self.key)).await;
                let then = self.threads[&thread].clone();
                self.notes.push((thread, at, then));
            }
            Step::ForkAt { note } => {
                let note = self.notes.get(note % self.notes.len().max(1)).cloned();
                let Some((source, at, copy)) = note else {
                    return;
                };
                if self.threads.contains_key(&source) {
                    self.fork(&source, json!({ "at": at }), copy).await;
                }
            }
            Step::DeleteThread { thread } => {
                if self.threads.len() < 2 {
                    return;
                }
                let Some(thread) = self.thread(*thread) else {
                    return;
                };
                self.done(Ask::delete(format!("/v1/threads/{thread}")))
                    .await;
                self.threads.remove(&thread);
            }
        }
    }

    async fn post(&mut self, thread: usize, parent: Option<usize>) {
        let Some(thread) = self.thread(thread) else {
            return;
        };
        let id = self.fresh("i");
        let parent = parent.and_then(|parent| self.item(&thread, parent));
        let tokens = u64::try_from(self.made * 7 % 5).unwrap();
        let mut body = json!({
            "itemId": id, "role": "user", "tokens": tokens,
            "parts": [{ "type": "text", "text": id }],
        });
        if let Some(parent) = &parent {
            body["parentId"] = json!(parent);
        }
        let path = format!("/v1/threads/{thread}/items");
        self.done(Ask::post(path, body)).await;
        self.threads.get_mut(&thread).unwrap().push(Item {
            text: Some(id.clone()),
            id,
            tokens,
            parent,
            status: "finished",
        });
    }

    async fn change(
        &mut self,
        thread: usize,
        item: usize,
        rest: &str,
        ask: impl Fn(String) -> Ask,
        change: impl Fn(&mut Item),
    ) {
        let Some(thread) = self.thread(thread) else {
            return;
        };
        let Some(item) = self.item(&thread, item) else {
            return;
        };
        let path = format!("/v1/threads/{thread}/items/{item}{rest}");
        self.done(ask(path)).await;
        let items = self.threads.get_mut(&thread).unwrap();
        change(items.iter_mut().find(|other| other.id == item).unwrap());
    }

    async fn fork(&mut self, source: &str, mut body: Value, copy: Thread) {
        let id = self.fresh("f");
        body["threadId"] = json!(id);
        let path = format!("/v1/threads/{source}/fork");
        self.done(Ask::post(path, body)).await;
        self.threads.insert(id, copy);
    }

    async fn list(&self, thread: &str, queries: &[Value]) -> (Vec<Item>, Value) {
        let path = format!("/v1/threads/{thread}/items");
        let body = self.done(Ask::get(path).queries(queries)).await;
        let items = body["items"].as_array().unwrap().iter().map(read).collect();
        (items, body["total"].clone())
    }

    async fn compare(&self) {
        for (thread, expected) in &self.threads {
            self.lists(thread, expected).await;
            self.pages(thread, expected).await;
            for item in expected {
                let path = format!("/v1/threads/{thread}/items/{}", item.id);
                assert_eq!(&read(&self.done(Ask::get(path)).await), item, "{thread}");
            }
            self.branch(thread, expected).await;
        }
    }

    async fn lists(&self, thread: &str, expected: &[Item]) {
        let all = json!({ "method": "limit", "values": [500] });
        let total = json!(expected.len());
        let (items, count) = self.list(thread, std::slice::from_ref(&all)).await;
        assert_eq!((items.as_slice(), &count), (expected, &total), "{thread}");
        let back = json!({ "method": "orderDesc", "attribute": "$sequence" });
        let (mut items, _) = self.list(thread, &[all.clone(), back]).await;
        items.reverse();
        assert_eq!(items, expected, "{thread}, backwards");
        let finished = json!({ "method": "equal", "attribute": "status", "values": ["finished"] });
        let dear = json!({ "method": "orderDesc", "attribute": "tokens" });
        let (items, count) = self.list(thread, &[all, finished, dear]).await;
        let mut dearest: Vec<Item> = expected
            .iter()
            .filter(|item| item.status == "finished")
            .rev()
            .cloned()
            .collect();
        dearest.sort_by_key(|item| std::cmp::Reverse(item.tokens));
        assert_eq!(
            (&items, &count),
            (&dearest, &json!(dearest.len())),
            "{thread}, by tokens"
        );
    }

    async fn pages(&self, thread: &str, expected: &[Item]) {
        let two = json!({ "method": "limit", "values": [2] });
        let mut read: Vec<Item> = Vec::new();
        loop {
            let mut queries = vec![two.clone()];
            if let Some(last) = read.last() {
                queries.push(json!({ "method": "cursorAfter", "values": [last.id] }));
            }
            let (page, _) = self.list(thread, &queries).await;
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        assert_eq!(read, expected, "{thread}, by pages");
        let Some(last) = expected.last() else { return };
        let before = json!({ "method": "cursorBefore", "values": [last.id] });
        let (page, _) = self.list(thread, &[two, before]).await;
        let end = expected.len() - 1;
        assert_eq!(
            page,
            expected[end.saturating_sub(2)..end],
            "{thread}, before the last"
        );
    }

    /// The branch that ends with the newest item.
    async fn branch(&self, thread: &str, expected: &[Item]) {
        let mut branch = Vec::new();
        let mut place = expected.len().checked_sub(1);
        while let Some(found) = place {
            let item = &expected[found];
            branch.push(item.clone());
            place = match &item.parent {
                Some(parent) => expected.iter().position(|other| other.id == *parent),
                None => found.checked_sub(1),
            };
        }
        branch.truncate(100);
        branch.reverse();
        let path = format!("/v1/threads/{thread}/items?branch=active");
        let limit = json!({ "method": "limit", "values": [100] });
        let body = self.done(Ask::get(path).queries(&[limit])).await;
        let items: Vec<Item> = body["items"].as_array().unwrap().iter().map(read).collect();
        assert_eq!(items, branch, "{thread}, the active branch");
    }
}

fn read(item: &Value) -> Item {
    let status = match item["status"].as_str() {
        Some("finished") => "finished",
        Some("deleted") => "deleted",
        other => panic!("{other:?}"),
    };
    Item {
        id: item["$id"].as_str().unwrap().to_owned(),
        text: item["parts"][0]["text"].as_str().map(str::to_owned),
        tokens: item["tokens"].as_u64().unwrap_or(0),
        parent: item["parentId"].as_str().map(str::to_owned),
        status,
    }
}

#[test]
fn a_fork_reads_as_a_copy_would() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let steps = prop::collection::vec(step(), 20..70);
    let tried = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let mut copies = Copies::new().await;
            for step in &steps {
                copies.play(step).await;
            }
            copies.compare().await;
        });
        Ok(())
    });
    if let Err(found) = tried {
        panic!("{found}");
    }
}
