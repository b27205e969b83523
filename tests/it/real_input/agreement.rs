//! Data set, ledger, log and subscribers tell the same story.

use super::comparison::{Fault, compare, first_out_of_order};
use super::dialogues::Dialogue;
use super::ledger::Ledger;
use super::logged::Logged;
use super::seen::Seen;
use super::subscriber::Report;

/// Who saw what, for one comparison.
pub(super) struct Witness {
    pub(super) name: String,
    /// The numbers of the dialogues that it was to see.
    pub(super) covers: Vec<usize>,
    /// Whether it saw them all on one subscription, in the order of the log.
    pub(super) follows_the_project: bool,
    pub(super) report: Report,
}

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// Items that somebody should have and has not, over all that were asked.
    pub(super) lost: usize,
    /// Items that somebody has more than once.
    pub(super) twice: usize,
    /// Every disagreement as a sentence.
    pub(super) faults: Vec<String>,
}

impl Agreement {
    pub(super) fn of(
        dialogues: &[Dialogue],
        ledger: &Ledger,
        logged: &Logged,
        witnesses: &[Witness],
    ) -> Self {
        let mut agreement = Self::default();
        agreement.faults.extend(ledger.faults(dialogues));
        let expected = ledger.expected(dialogues);
        agreement.hear_log(dialogues, &expected, logged);
        for witness in witnesses {
            agreement.hear(dialogues, &expected, witness);
            agreement.hear_order(&logged.items, witness);
        }
        agreement
    }

    fn hear_log(&mut self, dialogues: &[Dialogue], expected: &Seen, logged: &Logged) {
        self.faults.extend(logged.faults.iter().cloned());
        if logged.threads_created != dialogues.len() {
            let (found, asked) = (logged.threads_created, dialogues.len());
            self.faults
                .push(format!("the log made {found} of {asked} threads"));
        }
        self.add("the log", dialogues, &compare(expected, &logged.items));
    }

    fn hear(&mut self, dialogues: &[Dialogue], expected: &Seen, witness: &Witness) {
        let Witness {
            name,
            covers,
            report,
            ..
        } = witness;
        let due = expected.only(covers);
        self.add(name, dialogues, &compare(&due, &report.seen));
        if !report.complete {
            let fault = format!("{name}: it was never told that it has everything");
            self.faults.push(fault);
        }
        let faults = report.faults.iter();
        self.faults
            .extend(faults.map(|fault| format!("{name}: {fault}")));
    }

    fn hear_order(&mut self, logged: &Seen, witness: &Witness) {
        if !witness.follows_the_project {
            return;
        }
        if let Some(place) = first_out_of_order(logged, &witness.report.seen) {
            let name = &witness.name;
            self.faults.push(format!(
                "{name}: its item {place} is not the log's item {place}"
            ));
        }
    }

    fn add(&mut self, name: &str, dialogues: &[Dialogue], faults: &[Fault]) {
        for fault in faults {
            match fault {
                Fault::Lost { .. } => self.lost += 1,
                Fault::Twice { .. } => self.twice += 1,
                Fault::Unknown { .. } | Fault::OutOfOrder { .. } => {}
            }
            let id = &dialogues[fault.dialogue()].id;
            self.faults.push(format!("{name}, thread {id}: {fault}"));
        }
    }
}
