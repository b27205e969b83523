//! What may happen to threads.

use std::collections::HashMap;

use everlog_domain::ids::Position;
use everlog_storage::conformance::history::History;
use proptest::prelude::*;

use super::THREADS;

/// Something that happens, if it can.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Create(u8, Option<u8>, Vec<u8>),
    Rename(u8, u8),
    SetReaders(u8, Vec<u8>),
    Delete(u8),
    Post(u8),
    Open(u8),
    Append(u8),
    Close(u8, bool),
    Elsewhere,
    Wait,
    Commit,
}

const ROLES: [&str; 4] = ["any", "users", "user:ann", "user:bob"];
const NAMES: [&str; 3] = ["red", "blue", "green"];

pub(super) fn deed() -> impl Strategy<Value = Deed> {
    let thread = || 0_u8..3;
    let readers = || prop::collection::vec(0_u8..4, 0..3);
    prop_oneof![
        6 => (thread(), prop::option::of(0_u8..3), readers()).prop_map(|(t, name, readers)| Deed::Create(t, name, readers)),
        3 => (thread(), 0_u8..3).prop_map(|(t, name)| Deed::Rename(t, name)),
        4 => (thread(), readers()).prop_map(|(t, readers)| Deed::SetReaders(t, readers)),
        2 => thread().prop_map(Deed::Delete),
        5 => thread().prop_map(Deed::Post),
        3 => thread().prop_map(Deed::Open),
        5 => thread().prop_map(Deed::Append),
        3 => (thread(), any::<bool>()).prop_map(|(t, whole)| Deed::Close(t, whole)),
        1 => Just(Deed::Elsewhere),
        3 => Just(Deed::Wait),
        4 => Just(Deed::Commit),
    ]
}

/// Does them, each only where it makes sense.
#[derive(Default)]
pub(super) struct Doer {
    living: HashMap<u8, Living>,
    users: u32,
}

#[derive(Default)]
struct Living {
    items: u32,
    open: Vec<(String, Position)>,
}

fn readers(numbers: &[u8]) -> Vec<&'static str> {
    numbers
        .iter()
        .map(|number| ROLES[usize::from(*number)])
        .collect()
}

impl Doer {
    pub(super) fn act(&mut self, history: &mut History<'_>, deed: &Deed) {
        match deed {
            Deed::Commit => {}
            Deed::Wait => history.time = history.time.plus_seconds(1),
            Deed::Elsewhere => {
                self.users += 1;
                let name = format!("u{}", self.users);
                history.register(1, &name, &format!("{name}@example.org"));
            }
            Deed::Create(thread, name, roles) => {
                if !self.living.contains_key(thread) {
                    self.living.insert(*thread, Living::default());
                    let name = name.map(|name| NAMES[usize::from(name)]);
                    history.create_thread(1, id(*thread), name, &readers(roles));
                }
            }
            Deed::Delete(thread) => {
                if self.living.remove(thread).is_some() {
                    history.delete_thread(1, id(*thread));
                }
            }
            Deed::Rename(thread, name) => {
                if self.living.contains_key(thread) {
                    history.rename_thread(1, id(*thread), NAMES[usize::from(*name)]);
                }
            }
            Deed::SetReaders(thread, roles) => {
                if self.living.contains_key(thread) {
                    history.set_readers(1, id(*thread), &readers(roles));
                }
            }
            Deed::Post(thread)
            | Deed::Open(thread)
            | Deed::Append(thread)
            | Deed::Close(thread, _) => {
                if let Some(living) = self.living.get_mut(thread) {
                    living.act(history, id(*thread), deed);
                }
            }
        }
    }
}

impl Living {
    fn act(&mut self, history: &mut History<'_>, thread: &str, deed: &Deed) {
        match deed {
            Deed::Post(_) => {
                let item = self.fresh();
                history.post(1, thread, &item);
            }
            Deed::Open(_) => {
                let item = self.fresh();
                let opened = history.open_item(1, thread, &item);
                self.open.push((item, opened));
            }
            Deed::Append(_) => {
                if let Some((item, opened)) = self.open.first() {
                    history.append_delta(1, thread, item, *opened);
                }
            }
            Deed::Close(_, whole) => {
                if self.open.is_empty() {
                    return;
                }
                let (item, opened) = self.open.remove(0);
                match whole {
                    true => history.finish_item(1, thread, &item, opened),
                    false => history.abandon_item(1, thread, &item, opened),
                }
            }
            _ => {}
        }
    }

    fn fresh(&mut self) -> String {
        self.items += 1;
        format!("i{}", self.items - 1)
    }
}

pub(super) fn id(thread: u8) -> &'static str {
    THREADS[usize::from(thread)]
}
