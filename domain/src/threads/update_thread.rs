//! Change a thread's name or metadata.

use super::{Facts, Metadata, ThreadEvent, ThreadName, ThreadRefusal, ThreadState, ThreadUpdated};
use crate::access::Action;

/// Changes what is given and leaves the rest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UpdateThread {
    /// The new name.
    pub name: Option<ThreadName>,
    /// The new metadata, in place of the old.
    pub metadata: Option<Metadata>,
}

impl UpdateThread {
    /// An update that changes nothing asks for read, not for update, and makes no event.
    pub(super) fn decide(
        self,
        state: &ThreadState,
        facts: Facts<'_>,
    ) -> Result<Vec<ThreadEvent>, ThreadRefusal> {
        let readable = state.authorised(facts.caller, Action::Update);
        let thread = match (readable, state) {
            (Ok(thread), _) => thread,
            (Err(ThreadRefusal::Forbidden { .. }), ThreadState::Live(thread))
                if self.changes_nothing(thread) =>
            {
                thread
            }
            (Err(refusal), _) => return Err(refusal),
        };
        if self.changes_nothing(thread) {
            return Ok(Vec::new());
        }
        Ok(vec![
            ThreadUpdated {
                name: self.name,
                metadata: self.metadata,
            }
            .into(),
        ])
    }

    fn changes_nothing(&self, thread: &super::Thread) -> bool {
        let same_name = self.name.is_none() || self.name == thread.name;
        let same_metadata = self
            .metadata
            .as_ref()
            .is_none_or(|metadata| *metadata == thread.metadata);
        same_name && same_metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::ThreadCommand;
    use crate::threads::given::{
        created, denials, given, guest, key, member, metadata, owner, stranger, viewer,
    };

    fn rename(name: &str) -> UpdateThread {
        UpdateThread {
            name: ThreadName::parse(name),
            metadata: None,
        }
    }

    #[test]
    fn it_takes_the_update_permission() {
        let lacks = || ThreadRefusal::Forbidden {
            action: Action::Update,
        };
        let table = [
            (stranger(), ThreadRefusal::NotFound),
            (guest(), ThreadRefusal::NotFound),
            (viewer(), lacks()),
            (member(), lacks()),
        ];
        denials(&[created()], &ThreadCommand::Update(rename("tides")), table);
        denials(
            &[],
            &ThreadCommand::Update(rename("tides")),
            [(key(), ThreadRefusal::NotFound)],
        );
    }

    #[test]
    fn an_update_without_effect_is_granted_to_who_may_read_and_to_nobody_else() {
        for caller in [viewer(), member(), owner(), key()] {
            given([created()])
                .when(&caller, ThreadCommand::Update(UpdateThread::default()))
                .then_nothing();
        }
        denials(
            &[created()],
            &ThreadCommand::Update(UpdateThread::default()),
            [(stranger(), ThreadRefusal::NotFound)],
        );
    }

    #[test]
    fn what_is_not_given_stays() {
        let thread = given([created()])
            .when(&owner(), ThreadCommand::Update(rename("tides")))
            .then(ThreadUpdated {
                name: ThreadName::parse("tides"),
                metadata: None,
            });
        let tag = UpdateThread {
            name: None,
            metadata: Some(metadata()),
        };
        let thread = thread
            .when(&key(), ThreadCommand::Update(tag))
            .then(ThreadUpdated {
                name: None,
                metadata: Some(metadata()),
            });
        let same = UpdateThread {
            name: ThreadName::parse("tides"),
            metadata: Some(metadata()),
        };
        thread
            .when(&owner(), ThreadCommand::Update(same))
            .then_nothing();
    }
}
