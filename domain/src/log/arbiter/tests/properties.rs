//! Random appenders against the whole truth. Each knows the log as of some commit, or builds on
//! its own appends in flight, may repeat an earlier wish, and may have been authorised a while
//! ago. The arbiter remembers little, and some batches find the disk full.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::{
    Just, ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest,
};
use proptest::test_runner::TestCaseError;

use super::*;
use crate::log::{OpenBatch, chain};

const STREAMS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// One append: which streams, what it does there, and how old its knowledge is.
#[derive(Debug, Clone)]
struct Try {
    stream: usize,
    also: Option<usize>,
    kind: u8,
    /// Commits that the appender is behind.
    behind: usize,
    /// Commits since the caller was authorised.
    authorised: usize,
    wish: Option<u8>,
    /// What becomes of the batch before it: it goes on, is written, or finds the disk full.
    before: Before,
    /// Whether it builds on what was last tried on these streams, refused or not.
    on_top: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Before {
    GoesOn,
    Written,
    DiskFull,
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let one = (
        0..STREAMS.len(),
        proptest::option::weighted(0.3, 0..STREAMS.len()),
        0..6u8,
        0..4usize,
        0..4usize,
        proptest::option::weighted(0.4, 0..12u8),
        prop_oneof![
            5 => Just(Before::GoesOn),
            4 => Just(Before::Written),
            1 => Just(Before::DiskFull),
        ],
        proptest::bool::weighted(0.3),
    );
    let one = one.prop_map(
        |(stream, also, kind, behind, authorised, wish, before, on_top)| Try {
            stream,
            also,
            kind,
            behind: behind.saturating_sub(1),
            authorised: authorised.saturating_sub(1),
            wish,
            before,
            on_top,
        },
    );
    vec(one, 1..120)
}

/// What is so after a commit.
#[derive(Debug, Clone)]
struct Truth {
    project: ProjectHead,
    heads: HashMap<&'static str, Head>,
    /// The append that led to each head.
    led: HashMap<&'static str, Ticket>,
    wishes: HashMap<u8, Offset>,
}

impl Truth {
    fn head(&self, id: &str) -> Option<Head> {
        self.heads.get(id).copied()
    }

    fn take_in(&mut self, id: &'static str, draft: &Draft) {
        let kind = draft.event.kind();
        let offset = self.project.offset.next();
        self.heads.insert(id, moved(self.head(id), draft, offset));
        self.project.offset = offset;
        self.project.move_epochs(kind);
    }
}

fn moved(head: Option<Head>, draft: &Draft, offset: Offset) -> Head {
    match head {
        Some(head) if !draft.event.kind().creates_stream() => Head {
            position: head.position.next(),
            ..head
        },
        _ => Head {
            incarnation: offset,
            position: Position(1),
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Admitted,
    Duplicate,
    Access,
    Position,
    Stale,
}

impl Verdict {
    fn of(answer: &Result<Vec<Offset>, Conflict>) -> Self {
        match answer {
            Ok(_) => Self::Admitted,
            Err(Conflict::Duplicate { .. }) => Self::Duplicate,
            Err(Conflict::Access { .. }) => Self::Access,
            Err(Conflict::Position { .. }) => Self::Position,
            Err(Conflict::Stale { .. }) => Self::Stale,
            Err(Conflict::Inactive { .. }) => panic!("the project is active"),
        }
    }
}

struct World {
    arbiter: Arbiter,
    /// The truth after each commit; while a batch is being filled, the last is that batch's.
    commits: Vec<Truth>,
    filling: Option<OpenBatch>,
    sealed: Vec<Batch>,
    /// Where the appenders believe the streams to be, were all their appends admitted.
    ahead: HashMap<&'static str, (Head, Ticket)>,
    tickets: u64,
}

impl World {
    fn new() -> Self {
        Self {
            arbiter: arbiter().remembering(3),
            commits: vec![Truth {
                project: ProjectHead::empty(UID),
                heads: HashMap::new(),
                led: HashMap::new(),
                wishes: HashMap::new(),
            }],
            filling: None,
            sealed: Vec::new(),
            ahead: HashMap::new(),
            tickets: 0,
        }
    }

    fn truth(&mut self) -> &mut Truth {
        self.commits.last_mut().expect("it begins with one")
    }

    /// The newest commit that anybody can know.
    fn durable(&self) -> usize {
        self.commits.len() - 1 - usize::from(self.filling.is_some())
    }

    fn play(&mut self, attempt: &Try) -> Result<(), TestCaseError> {
        match attempt.before {
            Before::GoesOn => {}
            Before::Written => self.write(),
            Before::DiskFull => self.take_back(),
        }
        let Some((append, ids)) = self.append(attempt) else {
            return Ok(());
        };
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let durable = self.durable();
        let drafts = append.drafts.clone();
        let informed = append.as_of == CommitNumber(durable as u64);
        if self.filling.is_none() {
            self.commits.push(self.commits[durable].clone());
            self.filling = Some(self.arbiter.begin());
        }
        let right = self.verdict(&append, attempt);
        let batch = self.filling.as_mut().expect("begun above");
        let answer = self.arbiter.admit(batch, append);
        match Verdict::of(&answer) {
            // It may have forgotten, but then the newest knowledge must suffice.
            Verdict::Stale => prop_assert!(!informed, "stale, though nothing newer is durable"),
            // What is in flight may have been forgotten too: then it is loaded.
            Verdict::Position if attempt.on_top => {}
            given => prop_assert_eq!(given, right),
        }
        for (id, draft) in ids.iter().zip(&drafts) {
            let before = self.ahead.get(id).map(|(head, _)| *head);
            self.ahead
                .insert(id, (moved(before, draft, Offset(0)), ticket));
        }
        let Ok(offsets) = answer else { return Ok(()) };
        if let (Some(key), Some(&first)) = (attempt.wish, offsets.first()) {
            self.truth().wishes.insert(key, first);
        }
        for (offset, (id, draft)) in offsets.into_iter().zip(ids.into_iter().zip(&drafts)) {
            prop_assert_eq!(offset, self.truth().project.offset.next());
            self.truth().take_in(id, draft);
            let head = self.truth().heads[id];
            self.ahead.insert(id, (head, ticket));
            self.truth().led.insert(id, ticket);
        }
        Ok(())
    }

    /// The append as somebody makes it who knows the log up to some durable commit; nothing if the
    /// wish is known to be granted.
    fn append(&self, attempt: &Try) -> Option<(Append, Vec<&'static str>)> {
        let as_of = self.durable().saturating_sub(attempt.behind);
        let known = &self.commits[as_of];
        let authorised = &self.commits[self.durable().saturating_sub(attempt.authorised)];
        if attempt
            .wish
            .is_some_and(|key| known.wishes.contains_key(&key))
        {
            return None;
        }
        let mut ids = vec![STREAMS[attempt.stream]];
        let also = attempt.also.map(|place| STREAMS[place]);
        ids.extend(also.filter(|id| *id != ids[0]));
        let believed = |id: &&'static str| match self.ahead.get(id) {
            Some((head, ticket)) if attempt.on_top => (Some(*head), Basis::InFlight(*ticket)),
            _ => (known.head(id), Basis::Durable),
        };
        let expected = ids.iter().map(|id| {
            let (head, basis) = believed(id);
            let stream = stream(id);
            Expected {
                stream,
                head,
                basis,
            }
        });
        let drafts = ids.iter().map(|id| match (believed(id).0, attempt.kind) {
            (None, _) | (_, 0) => created(id),
            (_, 1) => deleted(id),
            (_, 2) => revoked(id),
            _ => posted(id),
        });
        let append = Append {
            ticket: Some(Ticket(self.tickets + 1)),
            expected: expected.collect(),
            claims: Vec::new(),
            access_epoch: Some(authorised.project.caller_epoch),
            idempotency: attempt.wish.and_then(|key| wish(key, 0)),
            ..append(as_of as u64, &[], drafts.collect())
        };
        Some((append, ids))
    }

    /// What must become of it, were everything remembered.
    fn verdict(&mut self, append: &Append, attempt: &Try) -> Verdict {
        let truth = self.truth();
        let moved = |e: &Expected| {
            let other = |ticket| truth.led.get(e.stream.id.as_str()) != Some(&ticket);
            let built = matches!(e.basis, Basis::InFlight(ticket) if other(ticket));
            built || truth.head(&e.stream.id) != e.head
        };
        if attempt
            .wish
            .is_some_and(|key| truth.wishes.contains_key(&key))
        {
            Verdict::Duplicate
        } else if append.access_epoch < Some(truth.project.caller_epoch) {
            Verdict::Access
        } else if append.expected.iter().any(moved) {
            Verdict::Position
        } else {
            Verdict::Admitted
        }
    }

    fn close(&mut self) -> Option<Batch> {
        let batch = self.filling.take()?;
        if batch.is_empty() {
            self.arbiter.cancel(&batch);
            self.commits.pop();
            return None;
        }
        Some(batch.seal())
    }

    fn write(&mut self) {
        if let Some(batch) = self.close() {
            self.truth().project.hash = batch.manifest.entries[0].head;
            self.sealed.push(batch);
        }
    }

    fn take_back(&mut self) {
        if let Some(batch) = self.close() {
            self.arbiter.rescind(&batch);
            self.commits.pop();
            let (head, as_of) = (self.truth().project, CommitNumber(self.durable() as u64));
            self.arbiter
                .activate(PROJECT, head, as_of)
                .expect("the newest knowledge suffices");
        }
    }

    /// Commit numbers, offsets and positions have no gaps, and every link of the chain holds.
    fn check_log(&self) -> Result<(), TestCaseError> {
        let mut previous = chain::genesis(UID);
        let mut offset = Offset(0);
        let mut positions: HashMap<(Stream, Offset), Position> = HashMap::new();
        for (commit, batch) in (1..).zip(&self.sealed) {
            prop_assert_eq!(batch.manifest.commit, CommitNumber(commit));
            prop_assert_eq!(batch.manifest.entries[0].first, offset.next());
            for event in &batch.events {
                let envelope = &event.recorded.envelope;
                offset = offset.next();
                prop_assert_eq!(envelope.offset, offset);
                prop_assert_eq!(envelope.previous, previous);
                prop_assert_eq!(chain::link(envelope), event.hash);
                previous = event.hash;
                let life = (envelope.stream.clone(), envelope.incarnation);
                let position = positions.entry(life).or_default();
                *position = position.next();
                prop_assert_eq!(envelope.position, *position);
            }
            prop_assert_eq!(batch.manifest.entries[0].last, offset);
            prop_assert_eq!(batch.manifest.entries[0].head, previous);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_slips_past_however_little_is_remembered(tries in tries()) {
        let mut world = World::new();
        for attempt in &tries {
            world.play(attempt)?;
        }
        world.write();
        world.check_log()?;
    }
}
