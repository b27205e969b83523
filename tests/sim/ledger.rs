//! What was asked and answered, kept outside of the process: it survives every crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use everlog_actors::{Granted, ProjectCommand, Refused};
use everlog_domain::access::Caller;
use everlog_domain::envelope::Idempotency;
use everlog_domain::ids::{KeyId, Offset, ProjectNumber, SessionId, ThreadId, UserId};
use everlog_domain::threads::ThreadCommand;
use parking_lot::Mutex;

/// The names under which a broken promise is reported.
pub(super) mod invariant {
    pub(crate) const ACKNOWLEDGED_IS_DURABLE: &str = "acknowledged_is_durable";
    pub(crate) const NOTHING_VISIBLE_BEFORE_DURABLE: &str = "nothing_visible_before_durable";
    pub(crate) const NO_GAP_NO_DUPLICATE_IN_OFFSETS: &str = "no_gap_no_duplicate_in_offsets";
    pub(crate) const ONE_WISH_ONE_ENTITY: &str = "one_wish_one_entity";
    pub(crate) const NO_WRITE_AFTER_REVOCATION: &str = "no_write_after_revocation";
    pub(crate) const ROWS_EQUAL_REPLAY: &str = "rows_equal_replay";
    pub(crate) const STATE_EQUALS_FOLD: &str = "state_equals_fold";
    pub(crate) const CHAIN_LINKS: &str = "chain_links";
    /// A definite refusal left nothing in the log.
    pub(crate) const REFUSED_IS_ABSENT: &str = "refused_is_absent";
    /// Grants and refusals are those of the model at some moment between request and answer.
    pub(crate) const ANSWERS_AGREE_WITH_MODEL: &str = "answers_agree_with_model";
    /// Who got an answer reads what it wrote.
    pub(crate) const WRITER_READS_ITS_WRITE: &str = "writer_reads_its_write";
    /// A follower sees every event once, in order.
    pub(crate) const FOLLOWER_MISSES_NOTHING: &str = "follower_misses_nothing";
    /// Nobody waits for ever.
    pub(crate) const EVERYBODY_IS_ANSWERED: &str = "everybody_is_answered";
    /// The node halts when an engine fails, and never else.
    pub(crate) const HALTS_FOR_A_REASON: &str = "halts_for_a_reason";
    pub(crate) const FAILED_SYNC_IS_NOT_RETRIED: &str = "failed_sync_is_not_retried";
}

/// What a client shows when it asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Credential {
    /// None is needed: the server itself.
    System,
    Key(KeyId),
    Session(UserId, SessionId),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) enum What {
    Thread(ThreadId, ThreadCommand),
    Project(ProjectCommand),
}

/// One request. Its number stands in the events that grant it, as the one on whose behalf.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) client: usize,
    pub(super) credential: Credential,
    pub(super) caller: Caller,
    pub(super) what: What,
    pub(super) wish: Option<Idempotency>,
    /// The project's visible head when it was asked.
    pub(super) visible: Offset,
    /// Nothing if the process was gone first.
    pub(super) answer: Option<Answer>,
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) result: Result<Granted, Refused>,
    /// The project's durable head when it was answered.
    pub(super) durable: Offset,
}

impl Ask {
    pub(super) const fn project(&self) -> ProjectNumber {
        self.caller.project
    }

    /// Whether nobody knows if it was granted.
    pub(super) fn is_open(&self) -> bool {
        match &self.answer {
            None => true,
            Some(answer) => matches!(answer.result, Err(Refused::Unknown)),
        }
    }
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) invariant: &'static str,
    pub(super) detail: String,
}

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) asks: Vec<Ask>,
    pub(super) breaches: Vec<Breach>,
    pub(super) lines: Vec<String>,
    /// How often which fault struck, and when.
    pub(super) happened: BTreeMap<&'static str, u64>,
}

/// What befalls a process; the second of each pair in the state that only a pipeline has.
pub(super) mod happening {
    pub(crate) const STOP: &str = "stopped in good order";
    pub(crate) const CRASH: &str = "crashed";
    pub(crate) const CRASH_BETWEEN: &str =
        "crashed while a later batch than the next one was durable";
    pub(crate) const ROWS: &str = "the rows failed";
    pub(crate) const ROWS_BEHIND: &str = "the rows failed while a later batch was durable";
    pub(crate) const LOG: &str = "the log failed";
    pub(crate) const LOG_AHEAD: &str = "the log failed while a batch was not projected";
    pub(crate) const FULL: &str = "the disk was full";
    pub(crate) const FULL_AHEAD: &str = "the disk was full while a batch was not projected";
}

pub(super) type SharedLedger = Arc<Mutex<Ledger>>;

impl Ledger {
    /// Notes a broken promise.
    pub(super) fn broke(&mut self, invariant: &'static str, detail: impl Into<String>) {
        let detail = detail.into();
        self.trace(format!("BROKEN {invariant}: {detail}"));
        self.breaches.push(Breach { invariant, detail });
    }

    /// Notes a fault that struck, by its name in [`happening`].
    pub(super) fn happened(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    pub(super) fn trace(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// Enters a request; answers with its number.
    pub(super) fn ask(&mut self, ask: Ask) -> usize {
        let number = self.asks.len();
        self.trace(format!(
            "client {} asks #{number}: {:?} {:?} of project {}, wish {:?}, epoch {}",
            ask.client,
            ask.credential,
            ask.what,
            ask.project(),
            ask.wish.map(|wish| wish.scope.to_string()[..8].to_owned()),
            ask.caller.access_epoch,
        ));
        self.asks.push(ask);
        number
    }

    pub(super) fn answer(&mut self, number: usize, answer: Answer) {
        let said = match &answer.result {
            Ok(granted) => {
                let offsets = granted.events.iter().map(|e| e.envelope.offset.0);
                let offsets: Vec<u64> = offsets.collect();
                format!("granted at {offsets:?}, repeated {}", granted.repeated)
            }
            Err(refused) => format!("refused: {refused:?}"),
        };
        self.trace(format!("answer to #{number}: {said}"));
        self.asks[number].answer = Some(answer);
    }
}
