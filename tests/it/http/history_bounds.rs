//! Moments that lie too far back.

use futures_util::future::join_all;

use super::history::{at, create, rename};
use super::request::Ask;
use super::scenario::{denied, granted, play};
use super::world::World;

/// One thread more than a list puts together again: it says so, and each of them can be asked for.
#[tokio::test]
async fn what_lies_too_far_back_says_so() {
    const MOST: u64 = 500;
    let world = World::new().await;
    let key = world.full_key("one").await;
    let threads: Vec<String> = (0..=MOST).map(|number| format!("t{number}")).collect();
    let all = async |ask: &dyn Fn(&str) -> Ask| {
        for some in threads.chunks(128) {
            let asks = some.iter().map(|thread| ask(thread).bearer(&key));
            for reply in join_all(asks.map(|ask| world.ask(ask))).await {
                assert!(reply.status < 300, "{}", reply.text);
            }
        }
    };
    all(&create).await;
    let then = world.head(world.one).0;
    all(&|thread: &str| rename(thread, "Second")).await;
    let too_far = then.to_string();
    let near_enough = (world.head(world.one).0 - MOST).to_string();
    let by_key = |path: &str, moment: &str| at(path, moment).bearer(&key);
    let list = "/v1/threads";
    let scenarios = vec![
        denied("a list", by_key(list, &too_far), 422, "past_too_far"),
        granted("a later one", by_key(list, &near_enough), 200, &[]),
        granted("one thread", by_key("/v1/threads/t7", &too_far), 200, &[]),
    ];
    play(&world, world.one, scenarios).await;
    let one = world.ask(by_key("/v1/threads/t7", &too_far)).await.body;
    assert_eq!(one["name"], "First");
}
