//! Who may mention whom, and whom that reaches.

use std::collections::BTreeSet;

use super::access::{ParticipantId, ThreadAccess};
use super::item::Author;
use super::mention::{MAX_MENTIONS, Mention, Mentioned, Mentions};
use super::refusal::ThreadRefusal;
use crate::access::{Action, Caller};

/// Somebody mentions others in an item of a thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mentioning<'a> {
    pub(super) caller: &'a Caller,
    pub(super) access: &'a ThreadAccess,
    /// The item's, whom it never reaches: nobody is told of what they wrote themselves.
    pub(super) author: &'a Author,
}

impl Mentioning<'_> {
    /// In a new item. Nothing if it mentions nobody.
    pub(super) fn anew(self, named: Mentions) -> Result<Option<Mentioned>, ThreadRefusal> {
        self.instead(&Mentions::new(), &BTreeSet::new(), named)
    }

    /// In place of what the item mentioned before, whom that reached. Nothing if it is the same.
    ///
    /// What stood there may stay, whoever has left since, and reaches nobody anew.
    pub(super) fn instead(
        self,
        before: &Mentions,
        reached_before: &BTreeSet<ParticipantId>,
        named: Mentions,
    ) -> Result<Option<Mentioned>, ThreadRefusal> {
        if named == *before {
            return Ok(None);
        }
        let found = named.len();
        if found > MAX_MENTIONS {
            return Err(ThreadRefusal::TooManyMentions { found });
        }
        let new: Vec<&Mention> = named.difference(before).collect();
        new.iter().try_for_each(|mention| self.check(mention))?;
        let meant = self.meant(new);
        let both = |mention: &Mention| before.contains(mention) && named.contains(mention);
        let stays = |id: &&ParticipantId| {
            both(&Mention::Everyone)
                || both(&Mention::Participant((*id).clone()))
                || meant.contains(*id)
        };
        let released = reached_before.iter().filter(|id| !stays(id));
        Ok(Some(Mentioned {
            reached: meant.difference(reached_before).cloned().collect(),
            released: released.cloned().collect(),
            named,
        }))
    }

    /// Whoever may not read the thread does not learn who takes part in it by trying. Everybody at
    /// once is for those who run the thread, as elsewhere: it rings at all of them, and is the one
    /// mention that makes many rows.
    fn check(self, mention: &Mention) -> Result<(), ThreadRefusal> {
        if !self.access.allows(self.caller, Action::Read) {
            return Err(ThreadRefusal::MentionNotFound);
        }
        match mention {
            Mention::Participant(id) if !self.access.participants.contains_key(id) => {
                Err(ThreadRefusal::MentionNotFound)
            }
            Mention::Everyone if !self.access.allows(self.caller, Action::Update) => {
                Err(ThreadRefusal::Forbidden {
                    action: Action::Update,
                })
            }
            Mention::Participant(_) | Mention::Everyone => Ok(()),
        }
    }

    /// Who is meant by mentions, without the author.
    fn meant(self, mentions: Vec<&Mention>) -> BTreeSet<ParticipantId> {
        let mut meant = BTreeSet::new();
        for mention in mentions {
            match mention {
                Mention::Everyone => meant.extend(self.access.participants.keys().cloned()),
                Mention::Participant(id) => {
                    meant.insert(id.clone());
                }
            }
        }
        meant.retain(|id| id.to_string() != self.author.as_str());
        meant
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Position;
    use crate::threads::given::{
        agent, author, created, denials, given, guest, item_id, key, member, new_item, opened,
        owner, person, stranger, viewer,
    };
    use crate::threads::{
        EditItem, FinishItem, ItemEdited, ItemPosted, Marks, NewItem, OpenItem, ParticipantAdded,
        ParticipantRole, PostItem, ThreadCommand, ThreadEvent, ThreadPermissionsChanged,
    };

    fn mentions(texts: &[&str]) -> Mentions {
        let parse = |text: &&str| Mention::parse(text).unwrap();
        texts.iter().map(parse).collect()
    }

    fn people(names: &[&str]) -> BTreeSet<ParticipantId> {
        names.iter().map(|name| person(name)).collect()
    }

    fn item(texts: &[&str]) -> NewItem {
        NewItem {
            mentions: mentions(texts),
            ..new_item("i1")
        }
    }

    fn post(texts: &[&str]) -> ThreadCommand {
        ThreadCommand::Post(PostItem { item: item(texts) })
    }

    fn edit(texts: &[&str]) -> ThreadCommand {
        ThreadCommand::Edit(EditItem {
            item: item_id("i1"),
            parts: None,
            metadata: None,
            tokens: None,
            mentions: Some(mentions(texts)),
        })
    }

    fn mentioned(named: &[&str], reached: &[&str], released: &[&str]) -> Mentioned {
        Mentioned {
            named: mentions(named),
            reached: people(reached),
            released: people(released),
        }
    }

    /// The member's item that mentions these, whom that reached.
    fn that_mentions(named: &[&str], reached: &[&str]) -> ThreadEvent {
        let NewItem {
            id,
            role,
            parts,
            metadata,
            ..
        } = new_item("i1");
        ItemPosted {
            item: id,
            author: author("user:member"),
            role,
            parts,
            metadata,
            tokens: None,
            parent: None,
            mentions: Some(mentioned(named, reached, &[])),
        }
        .into()
    }

    fn reached(names: &[&str]) -> Marks {
        Marks {
            reached: people(names),
            ..Marks::default()
        }
    }

    fn of_post(event: &ThreadEvent) -> Option<&Mentioned> {
        match event {
            ThreadEvent::ItemPosted(posted) => posted.mentions.as_ref(),
            other => panic!("expected a post, found {other:?}"),
        }
    }

    #[test]
    fn nobody_else_than_who_takes_part_is_mentioned() {
        for named in ["user:stranger", "user:nobody", "agent:owner"] {
            for caller in [member(), owner(), key()] {
                given([created()])
                    .when(&caller, post(&["user:owner", named]))
                    .refused(ThreadRefusal::MentionNotFound);
            }
        }
        let forbidden = |action| ThreadRefusal::Forbidden { action };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), forbidden(Action::Create)),
        ];
        denials(&[created()], &post(&["user:owner"]), table);
    }

    #[test]
    fn who_may_post_but_not_read_learns_nothing_of_who_takes_part() {
        let mut access = crate::threads::given::access();
        access.permissions = crate::threads::given::permissions(&["create(\"any\")"]);
        let history = [created(), ThreadPermissionsChanged { access }.into()];
        for named in ["user:owner", "user:nobody", "everyone"] {
            let blind = [(stranger(), ThreadRefusal::MentionNotFound)];
            denials(&history, &post(&[named]), blind);
        }
    }

    #[test]
    fn everyone_is_for_those_who_run_the_thread() {
        let lacks = ThreadRefusal::Forbidden {
            action: Action::Update,
        };
        denials(&[created()], &post(&["everyone"]), [(member(), lacks)]);
        let all = given([created()]).when(&owner(), post(&["everyone"]));
        let expected = mentioned(&["everyone"], &["member", "viewer"], &[]);
        assert_eq!(of_post(all.only_event()), Some(&expected));
        let all = given([created()]).when(&key(), post(&["everyone", "user:owner"]));
        let names = &["everyone", "user:owner"];
        let expected = mentioned(names, &["member", "owner", "viewer"], &[]);
        assert_eq!(of_post(all.only_event()), Some(&expected));
    }

    #[test]
    fn mentions_are_bounded() {
        let many = |count: usize| -> Mentions {
            let id = |n| Mention::Participant(agent(&format!("a{n}")));
            (0..count).map(id).collect()
        };
        let mut access = crate::threads::given::access();
        for n in 0..=MAX_MENTIONS {
            let viewer = ParticipantRole::Viewer;
            access.participants.insert(agent(&format!("a{n}")), viewer);
        }
        let crowd = || {
            [
                created(),
                ThreadPermissionsChanged {
                    access: access.clone(),
                }
                .into(),
            ]
        };
        let command = |count| {
            let mentions = many(count);
            let item = NewItem {
                mentions,
                ..new_item("i1")
            };
            ThreadCommand::Post(PostItem { item })
        };
        let found = MAX_MENTIONS + 1;
        given(crowd())
            .when(&member(), command(found))
            .refused(ThreadRefusal::TooManyMentions { found });
        given(crowd())
            .when(&member(), command(MAX_MENTIONS))
            .then_granted();
    }

    #[test]
    fn nobody_is_told_of_what_they_wrote_themselves() {
        let own = given([created()]).when(&member(), post(&["user:member", "user:owner"]));
        let names = &["user:member", "user:owner"];
        let expected = mentioned(names, &["owner"], &[]);
        assert_eq!(of_post(own.only_event()), Some(&expected));
        let none = given([created()]).when(&member(), post(&[]));
        assert_eq!(of_post(none.only_event()), None);
    }

    #[test]
    fn an_open_item_mentions_from_its_beginning_and_a_finish_replaces_that() {
        let open = ThreadCommand::Open(OpenItem {
            item: item(&["user:owner"]),
        });
        let begun = given([created()]).when(&member(), open);
        match begun.only_event() {
            ThreadEvent::ItemOpened(opened) => {
                let expected = mentioned(&["user:owner"], &["owner"], &[]);
                assert_eq!(opened.mentions, Some(expected));
            }
            other => panic!("expected an opening, found {other:?}"),
        }
        let finish = |mentions| {
            ThreadCommand::Finish(FinishItem {
                item: item_id("i1"),
                tokens: None,
                metadata: None,
                mentions,
            })
        };
        let finished = |mentions: Option<Mentions>| {
            let outcome = given([created(), opened("i1")]).when(&member(), finish(mentions));
            match outcome.only_event() {
                ThreadEvent::ItemFinished(finished) => finished.mentions.clone(),
                other => panic!("expected a finish, found {other:?}"),
            }
        };
        assert_eq!(finished(None), None);
        assert_eq!(
            finished(Some(mentions(&["user:viewer"]))),
            Some(mentioned(&["user:viewer"], &["viewer"], &[]))
        );
        given([created(), opened("i1")])
            .when(&member(), finish(Some(mentions(&["user:nobody"]))))
            .refused(ThreadRefusal::MentionNotFound);
    }

    #[test]
    fn an_edit_reaches_who_is_new_and_releases_who_is_gone() {
        let history = || [created(), that_mentions(&["user:owner"], &["owner"])];
        let edited = |named: &[&str], fresh: &[&str], released: &[&str]| ItemEdited {
            item: item_id("i1"),
            opened: Position(2),
            parts: None,
            metadata: None,
            tokens: None,
            mentions: Some(mentioned(named, fresh, released)),
        };
        let thread = || given(history()).with_marks(reached(&["owner"]));
        thread()
            .when(&member(), edit(&["user:viewer"]))
            .then(edited(&["user:viewer"], &["viewer"], &["owner"]));
        thread()
            .when(&member(), edit(&[]))
            .then(edited(&[], &[], &["owner"]));
        thread()
            .when(&owner(), edit(&["everyone"]))
            .then(edited(&["everyone"], &["viewer"], &[]));
        let gone = given(history()).with_marks(reached(&["owner", "gone"]));
        gone.when(&owner(), edit(&["everyone"])).then(edited(
            &["everyone"],
            &["viewer"],
            &["gone"],
        ));
        thread()
            .when(&member(), edit(&["user:owner"]))
            .then_nothing();
        thread()
            .when(&member(), edit(&["everyone"]))
            .refused(ThreadRefusal::Forbidden {
                action: Action::Update,
            });
    }

    #[test]
    fn what_stood_there_stays_whoever_has_joined_or_left() {
        let joined = ParticipantAdded {
            participant: crate::threads::given::participant(
                person("late"),
                ParticipantRole::Viewer,
            ),
            access: {
                let mut access = crate::threads::given::access();
                access.participants.remove(&person("viewer"));
                access
                    .participants
                    .insert(person("late"), ParticipantRole::Viewer);
                access
            },
        };
        let first = that_mentions(&["everyone"], &["owner", "viewer"]);
        given([created(), first, joined.into()])
            .with_marks(reached(&["owner", "viewer"]))
            .when(&member(), edit(&["everyone", "user:owner"]))
            .then(ItemEdited {
                item: item_id("i1"),
                opened: Position(2),
                parts: None,
                metadata: None,
                tokens: None,
                mentions: Some(mentioned(&["everyone", "user:owner"], &[], &[])),
            });
    }
}
