//! Items through thread actors: decided, committed, projected, answered.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use everlog_actors::{IdOrigin, Node, NodeOptions, ThreadRequest};
use everlog_domain::access::Caller as Principal;
use everlog_domain::ids::{ItemId, ProjectId, ProjectUid, ThreadId};
use everlog_domain::threads::{
    CreateThread, ItemRole, Metadata, NewItem, Part, PostItem, ThreadCommand,
};
use everlog_domain::time::Time;

use super::Engines;
use crate::closed::Caller;
use crate::item;

/// A node with a project.
pub(crate) struct RunningNode {
    node: Node,
    caller: Principal,
}

impl RunningNode {
    /// Starts a node on these engines, and makes a project in it.
    pub(crate) async fn start(engines: Engines) -> Result<Self> {
        let options = NodeOptions::new(ProjectUid([1; 16]));
        let node = Node::start(engines.log, engines.rows, options).await?;
        let project = ProjectId::parse("load")?;
        let project = node
            .ensure_project(&project, "load", ProjectUid([2; 16]), now())
            .await?;
        let caller = node.system(project);
        Ok(Self { node, caller })
    }

    /// Makes threads.
    pub(crate) async fn create_threads(&self, count: usize) -> Result<Vec<ThreadId>> {
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let thread = ThreadId::from_seed(&number.to_be_bytes());
            let create = CreateThread {
                thread: thread.clone(),
                name: None,
                metadata: Metadata::default(),
                permissions: None,
                participants: Vec::new(),
                template: None,
            };
            self.node
                .thread(self.request(&thread, ThreadCommand::Create(create)))
                .await?;
            threads.push(thread);
        }
        Ok(threads)
    }

    /// Somebody who posts into a thread, one item at a time.
    pub(crate) fn poster(&self, thread: ThreadId, place: usize) -> NodePoster {
        let node = Self {
            node: self.node.clone(),
            caller: self.caller.clone(),
        };
        NodePoster {
            node,
            thread,
            place,
            number: 0,
        }
    }

    /// Stops the node.
    pub(crate) async fn stop(self) {
        self.node.stop().await;
    }

    fn request(&self, thread: &ThreadId, command: ThreadCommand) -> ThreadRequest {
        ThreadRequest {
            caller: self.caller.clone(),
            thread: thread.clone(),
            command,
            item_id: IdOrigin::Random,
            wish: None,
            now: now(),
        }
    }
}

/// Posts items into a thread.
pub(crate) struct NodePoster {
    node: RunningNode,
    thread: ThreadId,
    place: usize,
    number: u64,
}

impl Caller for NodePoster {
    async fn call(&mut self) -> Result<u64> {
        self.number += 1;
        let seed = [self.place.to_be_bytes(), self.number.to_be_bytes()].concat();
        let item = NewItem {
            id: ItemId::from_seed(&seed),
            role: ItemRole::User,
            parts: vec![Part::Text {
                text: item::text(self.number),
            }],
            metadata: Metadata::default(),
            tokens: None,
            author: None,
            parent: None,
            mentions: everlog_domain::threads::Mentions::new(),
        };
        let command = ThreadCommand::Post(PostItem { item });
        self.node
            .node
            .thread(self.node.request(&self.thread, command))
            .await?;
        Ok(1)
    }
}

fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
