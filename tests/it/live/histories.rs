//! Histories by chance: what happens in three threads.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::world::Writer;

/// Something that happens in one of three threads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Deed {
    Post,
    /// Opens an item, appends to it, and finishes or abandons it, a step each time.
    Write,
    Rename(u8),
    Join,
    Part,
    Permit(bool),
    DeleteAndBeginAnew,
}

pub(super) fn deeds() -> impl Strategy<Value = Vec<(u8, Deed)>> {
    let deed = prop_oneof![
        6 => Just(Deed::Post),
        8 => Just(Deed::Write),
        3 => (0u8..3).prop_map(Deed::Rename),
        2 => Just(Deed::Join),
        2 => Just(Deed::Part),
        2 => any::<bool>().prop_map(Deed::Permit),
        1 => Just(Deed::DeleteAndBeginAnew),
    ];
    prop::collection::vec((0u8..3, deed), 1..60)
}

#[derive(Default)]
pub(super) struct Thread {
    began: bool,
    step: u32,
    /// Whether Ann takes part.
    pub(super) joined: bool,
    /// Whether everybody with an account may read it.
    pub(super) shared: bool,
    /// Cursor of its last deletion.
    pub(super) deleted: Option<String>,
}

/// Does it. Answers with the cursor if it wrote an item.
pub(super) async fn act(
    writer: &Writer<'_>,
    id: &str,
    thread: &mut Thread,
    deed: Deed,
) -> Option<String> {
    if !std::mem::replace(&mut thread.began, true) {
        writer.thread(id, &[]).await;
    }
    match deed {
        Deed::Post => return writer.post(id, "posted").await.cursor,
        Deed::Write => return write_on(writer, id, thread).await,
        Deed::Rename(name) => drop(writer.rename(id, &format!("name {name}")).await),
        Deed::Join => {
            thread.joined = true;
            writer.join(id, "ann").await;
        }
        Deed::Part if std::mem::take(&mut thread.joined) => drop(writer.part(id, "ann").await),
        Deed::Part => {}
        Deed::Permit(users) => {
            thread.shared = users;
            let permissions: &[&str] = if users { &["read(\"users\")"] } else { &[] };
            writer.permit(id, permissions).await;
        }
        Deed::DeleteAndBeginAnew => {
            let deleted = writer.delete(id).await.cursor;
            *thread = Thread {
                began: true,
                deleted,
                ..Thread::default()
            };
            writer.thread(id, &[]).await;
        }
    }
    None
}

async fn write_on(writer: &Writer<'_>, id: &str, thread: &mut Thread) -> Option<String> {
    let item = format!("i{}", thread.step / 4);
    let written = match thread.step % 4 {
        0 => writer.open(id, &item, "a").await,
        1 | 2 => writer.append(id, &item, "b").await,
        _ if thread.step % 8 == 3 => writer.abandon(id, &item).await,
        _ => writer.finish(id, &item).await,
    };
    thread.step += 1;
    written.cursor
}

/// Runs a test over histories.
pub(super) fn over_histories<F>(cases: u32, test: impl Fn(Vec<(u8, Deed)>) -> F)
where
    F: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let run = TestRunner::new(config).run(&deeds(), |history| {
        runtime.block_on(test(history));
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}
