//! Append to an item that is being written.

use super::bounds::{MAX_APPENDS, MAX_ITEM_BYTES, MAX_PARTS};
use super::item::{Delta, check_part};
use super::{Facts, ItemDelta, ThreadEvent, ThreadRefusal, ThreadState};
use crate::access::Action;
use crate::ids::ItemId;

/// Appends deltas, all or none.
#[derive(Debug, Clone, PartialEq)]
pub struct AppendDelta {
    /// Which item.
    pub item: ItemId,
    /// What to append, in order.
    pub deltas: Vec<Delta>,
}

impl AppendDelta {
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let thread = state.authorised(facts.caller, Action::Create)?;
        let progress = thread.item_in_progress(facts.caller, &self.item)?;
        if self.deltas.is_empty() {
            return Err(ThreadRefusal::NoDeltas);
        }
        let found = progress.bytes + self.deltas.iter().map(Delta::bytes).sum::<usize>();
        if found > MAX_ITEM_BYTES {
            return Err(ThreadRefusal::ItemTooLarge { found });
        }
        check_fit(&progress.takes_text, &self.deltas)?;
        let opened = progress.opened;
        let mut deltas = self.deltas;
        deltas.retain(|delta| !delta.is_empty());
        if deltas.is_empty() {
            return Ok(Vec::new());
        }
        if progress.appends >= MAX_APPENDS {
            return Err(ThreadRefusal::TooManyAppends);
        }
        Ok(vec![
            ItemDelta {
                item: self.item,
                opened,
                deltas,
            }
            .into(),
        ])
    }
}

/// Each delta must fit the parts as the deltas before it left them.
fn check_fit(takes_text: &[bool], deltas: &[Delta]) -> Result<(), ThreadRefusal> {
    let mut fits = takes_text.to_vec();
    for delta in deltas {
        match delta {
            Delta::Text { part, .. } if fits.get(usize::from(*part)) == Some(&true) => {}
            Delta::Text { part, .. } => return Err(ThreadRefusal::NoSuchPart { part: *part }),
            Delta::Part { part } => {
                check_part(part)?;
                fits.push(part.takes_text());
            }
        }
    }
    if fits.len() > MAX_PARTS {
        return Err(ThreadRefusal::TooManyParts { found: fits.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        access, created, denials, given, guest, item_id, key, member, opened, owner, participant,
        person, stranger, text, viewer,
    };
    use crate::threads::{Part, ThreadCommand};
    use serde_json::json;

    fn append(deltas: Vec<Delta>) -> ThreadCommand {
        ThreadCommand::Append(AppendDelta {
            item: item_id("i1"),
            deltas,
        })
    }

    fn said(part: u16, text: &str) -> Delta {
        Delta::Text {
            part,
            text: text.into(),
        }
    }

    fn new_part(part: Part) -> Delta {
        Delta::Part { part }
    }

    fn tool_call() -> Part {
        Part::ToolCall {
            call_id: "c1".into(),
            name: "tide_table".into(),
            arguments: json!({ "port": "Brest" }),
        }
    }

    #[test]
    fn only_its_author_or_who_may_update_the_thread_writes_on_it() {
        let history = [created(), opened("i1")];
        let other = crate::threads::ParticipantAdded {
            participant: participant(person("stranger"), crate::threads::ParticipantRole::Member),
            access: {
                let mut access = access();
                let role = crate::threads::ParticipantRole::Member;
                access.participants.insert(person("stranger"), role);
                access
            },
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (
                viewer(),
                ThreadRefusal::Forbidden {
                    action: Action::Create,
                },
            ),
        ];
        denials(&history, &append(vec![said(0, "x")]), table);
        given(history.clone())
            .and([other.into()])
            .when(&stranger(), append(vec![said(0, "x")]))
            .refused(ThreadRefusal::NotTheAuthor);
        for caller in [member(), owner(), key()] {
            given(history.clone())
                .when(&caller, append(vec![said(0, "x")]))
                .then_granted();
        }
    }

    #[test]
    fn the_item_must_be_open() {
        given([created()])
            .when(&member(), append(vec![said(0, "x")]))
            .refused(ThreadRefusal::ItemNotOpen);
    }

    #[test]
    fn deltas_that_do_not_fit_are_refused_all_together() {
        let table = [
            (vec![], ThreadRefusal::NoDeltas),
            (vec![said(1, "x")], ThreadRefusal::NoSuchPart { part: 1 }),
            (
                vec![said(0, "x"), new_part(tool_call()), said(1, "x")],
                ThreadRefusal::NoSuchPart { part: 1 },
            ),
            (
                vec![new_part(text("")); MAX_PARTS],
                ThreadRefusal::TooManyParts {
                    found: MAX_PARTS + 1,
                },
            ),
            (
                vec![said(0, &"x".repeat(MAX_ITEM_BYTES - 2))],
                ThreadRefusal::ItemTooLarge {
                    found: MAX_ITEM_BYTES + 1,
                },
            ),
        ];
        for (deltas, refusal) in table {
            given([created(), opened("i1")])
                .when(&member(), append(deltas))
                .refused(refusal);
        }
    }

    #[test]
    fn the_bound_counts_what_was_appended_before() {
        let half = "x".repeat(MAX_ITEM_BYTES / 2);
        given([created(), opened("i1")])
            .when(&member(), append(vec![said(0, &half)]))
            .then_granted()
            .when(&member(), append(vec![said(0, &half)]))
            .refused(ThreadRefusal::ItemTooLarge {
                found: MAX_ITEM_BYTES + 3,
            });
    }

    #[test]
    fn deltas_may_fill_the_parts_that_they_bring() {
        let deltas = vec![said(0, "it "), new_part(text("is ")), said(1, "high")];
        let thread = given([created(), opened("i1")])
            .when(&member(), append(deltas.clone()))
            .then(ItemDelta {
                item: item_id("i1"),
                opened: Position(2),
                deltas,
            });
        let ThreadState::Live(thread) = thread.state() else {
            panic!("the thread lives");
        };
        let progress = &thread.open[&item_id("i1")];
        assert_eq!(progress.takes_text, [true, true]);
        assert_eq!(progress.bytes, "so it is high".len());
        assert_eq!(progress.appends, 1);
    }

    #[test]
    fn empty_texts_are_no_event() {
        let after = given([created(), opened("i1")]);
        after
            .when(&member(), append(vec![said(0, ""), said(0, "")]))
            .then_nothing();
        given([created(), opened("i1")])
            .when(&member(), append(vec![said(0, ""), said(0, "it")]))
            .then(ItemDelta {
                item: item_id("i1"),
                opened: Position(2),
                deltas: vec![said(0, "it")],
            });
        given([created(), opened("i1")])
            .when(&member(), append(vec![said(1, "")]))
            .refused(ThreadRefusal::NoSuchPart { part: 1 });
    }

    #[test]
    fn appends_to_one_item_are_bounded() {
        let one = |_| {
            ThreadEvent::from(ItemDelta {
                item: item_id("i1"),
                opened: Position(2),
                deltas: vec![said(0, "x")],
            })
        };
        let last = given([created(), opened("i1")]).and((1..MAX_APPENDS).map(one));
        last.when(&member(), append(vec![said(0, "x")]))
            .then_granted()
            .when(&member(), append(vec![said(0, "x")]))
            .refused(ThreadRefusal::TooManyAppends);
    }
}
