//! Events as subscribers see them. The same text goes to everybody: what somebody may not see is
//! not sent, rather than sent in part.

use everlog_domain::access::{Permissions, Principal};
use everlog_domain::envelope::{Envelope, EventKind};
use everlog_domain::event::{Event, Recorded};
use everlog_domain::ids::{ItemId, Position};
use everlog_domain::threads::{
    Delta, ItemReactionAdded, ItemReactionRemoved, ItemStatus, Mentions, Metadata, Part,
    Participant, ParticipantId, ParticipantRole, Reaction, ReactionCounts, ThreadAccess,
    ThreadEvent,
};
use everlog_domain::time::Time;
use everlog_domain::value::Value;
use serde::{Serialize, Serializer};

use crate::http::{ItemAnswer, ThreadAnswer};

/// An event with all that it brings; nothing if it is not about a thread, or is about an item that has
/// expired.
pub(super) fn whole(recorded: &Recorded) -> Option<String> {
    let Event::Thread(event) = &recorded.event else {
        return None;
    };
    let envelope = &recorded.envelope;
    let mut text = EventText::about(envelope);
    match event {
        ThreadEvent::ThreadCreated(event) => {
            text.thread = Some(ThreadText::Whole(ThreadAnswer::of_creation(
                envelope, event,
            )));
        }
        ThreadEvent::ThreadForked(event) => {
            text.thread = Some(ThreadText::Whole(ThreadAnswer::of_fork(envelope, event)));
        }
        // Shown to nobody: the item is as it was.
        ThreadEvent::ItemCopied(event) => text.item_id = Some(&event.item),
        ThreadEvent::ThreadUpdated(event) => {
            text.thread = Some(ThreadText::Changed {
                name: event.name.as_ref().map(|name| name.as_str()),
                metadata: event.metadata.as_ref(),
                updated_at: envelope.time,
            });
        }
        ThreadEvent::ThreadPermissionsChanged(event) => {
            text.thread = Some(access(envelope, &event.access))
        }
        ThreadEvent::ParticipantAdded(event) => {
            text.thread = Some(access(envelope, &event.access));
            text.participant = Some(&event.participant);
        }
        ThreadEvent::ParticipantRemoved(event) => {
            text.thread = Some(access(envelope, &event.access));
            text.participant_id = Some(&event.participant);
        }
        ThreadEvent::ThreadDeleted(_) => {}
        ThreadEvent::ItemPosted(event) => {
            text.item = Some(ItemText::Whole(ItemAnswer::of_post(envelope, event)));
        }
        ThreadEvent::ItemOpened(event) => {
            text.item = Some(ItemText::Whole(ItemAnswer::of_opening(envelope, event)));
        }
        ThreadEvent::ItemDelta(event) => {
            text.item_id = Some(&event.item);
            text.deltas = Some(&event.deltas);
        }
        ThreadEvent::ItemFinished(event) => {
            text.item_id = Some(&event.item);
            text.item = Some(ItemText::Finished {
                status: ItemStatus::Finished.name(),
                parts: &event.parts,
                metadata: &event.metadata,
                tokens: event.tokens,
                mentions: event.mentions.as_ref().map(|mentioned| &mentioned.named),
                updated_at: envelope.time,
            });
        }
        ThreadEvent::ItemAbandoned(event) => {
            text.item_id = Some(&event.item);
            text.item = Some(ItemText::Abandoned {
                status: ItemStatus::Abandoned.name(),
                parts: &event.parts,
                updated_at: envelope.time,
            });
            text.reason = event.reason.as_deref();
        }
        ThreadEvent::ItemEdited(event) => {
            text.item_id = Some(&event.item);
            text.item = Some(ItemText::Edited {
                parts: event.parts.as_deref(),
                metadata: event.metadata.as_ref(),
                tokens: event.tokens,
                mentions: event.mentions.as_ref().map(|mentioned| &mentioned.named),
                edited_at: envelope.time,
                updated_at: envelope.time,
            });
        }
        ThreadEvent::ItemDeleted(event) => {
            text.item_id = Some(&event.item);
            text.item = Some(ItemText::Deleted {
                status: ItemStatus::Deleted.name(),
                updated_at: envelope.time,
            });
        }
        ThreadEvent::ThreadRead(event) => {
            // Who is the event's principal.
            text.item_id = Some(&event.item);
        }
        ThreadEvent::ItemReactionAdded(ItemReactionAdded {
            item,
            reaction,
            counts,
            ..
        })
        | ThreadEvent::ItemReactionRemoved(ItemReactionRemoved {
            item,
            reaction,
            counts,
            ..
        }) => {
            text.item_id = Some(item);
            text.reaction = Some(reaction);
            text.item = Some(ItemText::Reacted { reactions: counts });
        }
        ThreadEvent::ItemPinned(event) => {
            text.item_id = Some(&event.item);
            text.item = Some(ItemText::Pinned {
                pinned_at: Some(envelope.time.to_string()),
            });
        }
        ThreadEvent::ItemUnpinned(event) => {
            text.item_id = Some(&event.item);
            text.item = Some(ItemText::Pinned { pinned_at: None });
        }
        ThreadEvent::ItemsExpired(event) => {
            text.item_ids = Some(event.items.iter().map(|gone| &gone.item).collect());
            text.thread = event.ends_branch.then_some(ThreadText::Switched {
                active_item_id: None,
                updated_at: envelope.time,
            });
        }
        ThreadEvent::BranchSwitched(event) => {
            text.thread = Some(ThreadText::Switched {
                active_item_id: Some(&event.item),
                updated_at: envelope.time,
            });
        }
    }
    Some(text.to_json())
}

/// An event as the change of a thread's row, without any content of items.
pub(super) fn of_row(recorded: &Recorded, row: &[Value]) -> String {
    let mut text = EventText::about(&recorded.envelope);
    text.thread = Some(ThreadText::Whole(ThreadAnswer::of_row(row)));
    text.to_json()
}

fn access<'a>(envelope: &Envelope, access: &'a ThreadAccess) -> ThreadText<'a> {
    let participants = access
        .participants
        .iter()
        .map(|(id, &role)| ParticipantText { id, role });
    ThreadText::Access {
        permissions: &access.permissions,
        participants: participants.collect(),
        updated_at: envelope.time,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventText<'a> {
    #[serde(rename = "type")]
    kind: EventKind,
    #[serde(serialize_with = "shown")]
    time: Time,
    principal: &'a Principal,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a Principal>,
    thread_id: &'a str,
    position: Position,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<ThreadText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant: Option<&'a Participant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participant_id: Option<&'a ParticipantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reaction: Option<&'a Reaction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a ItemId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_ids: Option<Vec<&'a ItemId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<ItemText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deltas: Option<&'a [Delta]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> EventText<'a> {
    fn about(envelope: &'a Envelope) -> Self {
        Self {
            kind: envelope.kind,
            time: envelope.time,
            principal: &envelope.principal,
            on_behalf_of: envelope.on_behalf_of.as_ref(),
            thread_id: &envelope.stream.id,
            position: envelope.position,
            thread: None,
            participant: None,
            participant_id: None,
            reaction: None,
            item_id: None,
            item_ids: None,
            item: None,
            deltas: None,
            reason: None,
        }
    }

    fn to_json(&self) -> String {
        // All keys are strings and no `Serialize` here fails, so there is always a text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[derive(Serialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack, while it is written"
)]
enum ThreadText<'a> {
    Whole(ThreadAnswer),
    Changed {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<&'a Metadata>,
        #[serde(rename = "$updatedAt", serialize_with = "shown")]
        updated_at: Time,
    },
    Switched {
        #[serde(rename = "activeItemId")]
        active_item_id: Option<&'a ItemId>,
        #[serde(rename = "$updatedAt", serialize_with = "shown")]
        updated_at: Time,
    },
    Access {
        #[serde(rename = "$permissions")]
        permissions: &'a Permissions,
        participants: Vec<ParticipantText<'a>>,
        #[serde(rename = "$updatedAt", serialize_with = "shown")]
        updated_at: Time,
    },
}

#[derive(Serialize)]
struct ParticipantText<'a> {
    id: &'a ParticipantId,
    role: ParticipantRole,
}

#[derive(Serialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, on the stack, while it is written"
)]
enum ItemText<'a> {
    Whole(ItemAnswer<'a>),
    Finished {
        status: &'static str,
        parts: &'a [Part],
        metadata: &'a Metadata,
        tokens: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        mentions: Option<&'a Mentions>,
        #[serde(rename = "$updatedAt", serialize_with = "shown")]
        updated_at: Time,
    },
    Edited {
        #[serde(skip_serializing_if = "Option::is_none")]
        parts: Option<&'a [Part]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<&'a Metadata>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tokens: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        mentions: Option<&'a Mentions>,
        #[serde(rename = "editedAt", serialize_with = "shown")]
        edited_at: Time,
        #[serde(rename = "$updatedAt", serialize_with = "shown")]
        updated_at: Time,
    },
    Reacted {
        reactions: &'a ReactionCounts,
    },
    Pinned {
        #[serde(rename = "pinnedAt")]
        pinned_at: Option<String>,
    },
    Deleted {
        status: &'static str,
        #[serde(rename = "$updatedAt", serialize_with = "shown")]
        updated_at: Time,
    },
    Abandoned {
        status: &'static str,
        parts: &'a [Part],
        #[serde(rename = "$updatedAt", serialize_with = "shown")]
        updated_at: Time,
    },
}

fn shown<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
