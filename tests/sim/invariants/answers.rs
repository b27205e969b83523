//! The log against the ledger: everything in it was asked for and allowed at that moment, what was
//! acknowledged is there once, what was refused is not.

use std::collections::{BTreeMap, BTreeSet};

use everlog_actors::Refused;
use everlog_domain::access::Principal;
use everlog_domain::event::Recorded;
use everlog_domain::ids::{Offset, ProjectNumber, Scope};

use super::History;
use crate::sim::ledger::{Answer, Ask, Ledger, invariant};
use crate::sim::model::Verdict;

pub(super) fn check(histories: &[History], ledger: &mut Ledger) {
    let mut found = Vec::new();
    for history in histories {
        granted_rightly(history, ledger, &mut found);
        one_wish_one_entity(history, &mut found);
    }
    let of_project: BTreeMap<ProjectNumber, &History> =
        histories.iter().map(|h| (h.project, h)).collect();
    let first_of_scope = first_of_scope(histories);
    let written = written(histories);
    for (number, ask) in ledger.asks.iter().enumerate() {
        let Some(answer) = &ask.answer else { continue };
        let history = of_project.get(&ask.project()).copied();
        let events = written.get(&number).map_or(&[][..], Vec::as_slice);
        let judged = match &answer.result {
            Ok(granted) if granted.repeated => repeated(ask, answer, &first_of_scope),
            Ok(granted) if granted.events.is_empty() => {
                at_some_moment(history, ask, answer, &Verdict::Nothing)
            }
            Ok(granted) => {
                let there = granted.events.iter().map(|e| e.envelope.offset);
                let there: Vec<Offset> = there.collect();
                if there == events {
                    Ok(())
                } else {
                    let detail = format!("granted at {there:?}, the log has {events:?}");
                    Err((invariant::ACKNOWLEDGED_IS_DURABLE, detail))
                }
            }
            Err(refused) => refused_rightly(history, ask, answer, refused, &first_of_scope),
        };
        if let Err((invariant, detail)) = judged {
            found.push((invariant, format!("#{number}: {detail}")));
        }
        let definite = matches!(&answer.result, Err(refused) if *refused != Refused::Unknown);
        if definite && !events.is_empty() {
            let detail = format!("#{number} was refused, the log has {events:?}");
            found.push((invariant::REFUSED_IS_ABSENT, detail));
        }
    }
    for (invariant, detail) in found {
        ledger.broke(invariant, detail);
    }
}

type Found = (&'static str, String);

/// The request that an event grants.
fn asked(recorded: &Recorded) -> Option<usize> {
    match recorded.envelope.on_behalf_of.as_ref()? {
        Principal::User(id) => id.as_str().strip_prefix("ask")?.parse().ok(),
        Principal::Guest | Principal::Key(_) | Principal::System => None,
    }
}

/// Offsets by request.
fn written(histories: &[History]) -> BTreeMap<usize, Vec<Offset>> {
    let mut written: BTreeMap<usize, Vec<Offset>> = BTreeMap::new();
    for recorded in histories.iter().flat_map(|history| &history.events) {
        if let Some(number) = asked(recorded) {
            written
                .entry(number)
                .or_default()
                .push(recorded.envelope.offset);
        }
    }
    written
}

/// Every event was asked for by somebody who might, as the world was just before it.
fn granted_rightly(history: &History, ledger: &Ledger, found: &mut Vec<Found>) {
    let mut previous = None;
    for recorded in &history.events {
        let offset = recorded.envelope.offset;
        let Some(number) = asked(recorded) else {
            continue;
        };
        if previous.replace(number) == Some(number) {
            continue; // the rest of the same append
        }
        let (Some(ask), Some(world)) = (
            ledger.asks.get(number),
            history.at(Offset(offset.0.saturating_sub(1))),
        ) else {
            let detail = format!("offset {offset}: nobody asked for it");
            found.push((invariant::ANSWERS_AGREE_WITH_MODEL, detail));
            continue;
        };
        let place = format!("project {}, offset {offset}, #{number}", history.project);
        match world.verdict(ask) {
            Verdict::Granted => {}
            Verdict::Revoked => found.push((
                invariant::NO_WRITE_AFTER_REVOCATION,
                format!("{place}: {:?} was revoked before", ask.credential),
            )),
            verdict => found.push((
                invariant::ANSWERS_AGREE_WITH_MODEL,
                format!("{place}: {:?} must be {verdict:?}", ask.what),
            )),
        }
    }
}

/// All events of a wish are those of one append.
fn one_wish_one_entity(history: &History, found: &mut Vec<Found>) {
    let mut seen: BTreeSet<Scope> = BTreeSet::new();
    let mut previous = None;
    for recorded in &history.events {
        let scope = recorded.envelope.idempotency.map(|wish| wish.scope);
        let request = asked(recorded);
        let goes_on = previous == Some((scope, request));
        previous = Some((scope, request));
        if let Some(scope) = scope
            && !goes_on
            && !seen.insert(scope)
        {
            let offset = recorded.envelope.offset;
            let detail = format!(
                "project {}, offset {offset}: {scope} again",
                history.project
            );
            found.push((invariant::ONE_WISH_ONE_ENTITY, detail));
        }
    }
}

/// The first event of each wish, and the hash of its body.
fn first_of_scope(histories: &[History]) -> BTreeMap<Scope, &Recorded> {
    let mut first = BTreeMap::new();
    for recorded in histories.iter().flat_map(|history| &history.events) {
        if let Some(wish) = recorded.envelope.idempotency {
            first.entry(wish.scope).or_insert(recorded);
        }
    }
    first
}

fn repeated(ask: &Ask, answer: &Answer, first: &BTreeMap<Scope, &Recorded>) -> Result<(), Found> {
    let granted = answer.result.as_ref().map(|granted| granted.events.first());
    let said = granted.ok().flatten().map(|event| event.envelope.offset);
    let there = ask.wish.and_then(|wish| first.get(&wish.scope));
    let same_body = there.is_some_and(|event| event.envelope.idempotency == ask.wish);
    let there = there.map(|event| event.envelope.offset);
    if said.is_some() && said == there && same_body {
        return Ok(());
    }
    let detail = format!(
        "repeated the answer of {said:?}, the wish was granted at {there:?}, same body {same_body}"
    );
    Err((invariant::ONE_WISH_ONE_ENTITY, detail))
}

/// A refusal is true at some moment between request and answer.
fn refused_rightly(
    history: Option<&History>,
    ask: &Ask,
    answer: &Answer,
    refused: &Refused,
    first: &BTreeMap<Scope, &Recorded>,
) -> Result<(), Found> {
    match refused {
        Refused::Thread(_) | Refused::Identity(_) | Refused::Project(_) | Refused::Template(_) => {
            at_some_moment(history, ask, answer, &Verdict::Refused(refused.clone()))
        }
        Refused::WishDiffers => {
            let granted = ask.wish.and_then(|wish| {
                let first = first.get(&wish.scope)?.envelope.idempotency?;
                Some(first.body != wish.body)
            });
            if granted == Some(true) {
                return Ok(());
            }
            let detail = format!("the wish does not differ: {granted:?}");
            Err((invariant::ONE_WISH_ONE_ENTITY, detail))
        }
        Refused::AccessMoved => {
            let events = history.map_or(&[][..], |history| history.events.as_slice());
            let moved = events.iter().any(|event| {
                let offset = event.envelope.offset;
                event.envelope.kind.revokes_callers()
                    && offset > ask.caller.access_epoch
                    && offset <= answer.durable
            });
            let detail = "no caller was revoked".to_owned();
            moved
                .then_some(())
                .ok_or((invariant::ANSWERS_AGREE_WITH_MODEL, detail))
        }
        // Faults and bounds, which the plan of the life accounts for.
        Refused::Busy { .. }
        | Refused::DiskFull
        | Refused::Stopped
        | Refused::Unknown
        | Refused::Failed { .. } => Ok(()),
        Refused::TooLarge { .. }
        | Refused::NoSuchProject
        | Refused::OverQuota { .. }
        | Refused::Rows(_) => {
            let detail = format!("refused with {refused:?}");
            Err((invariant::ANSWERS_AGREE_WITH_MODEL, detail))
        }
    }
}

fn at_some_moment(
    history: Option<&History>,
    ask: &Ask,
    answer: &Answer,
    said: &Verdict,
) -> Result<(), Found> {
    let worlds = history.map_or(&[][..], |history| history.worlds.as_slice());
    let place = |offset: Offset| usize::try_from(offset.0).unwrap_or(usize::MAX);
    let between = worlds
        .iter()
        .take(place(answer.durable).saturating_add(1))
        .skip(place(ask.visible));
    let mut verdicts = Vec::new();
    for world in between {
        let verdict = world.verdict(ask);
        if verdict == *said || verdict == Verdict::Revoked {
            return Ok(());
        }
        if verdicts.last() != Some(&verdict) {
            verdicts.push(verdict);
        }
    }
    let (from, to) = (ask.visible, answer.durable);
    let detail = format!(
        "{:?} by {:?} was {said:?}; from {from} to {to} it must be one of {verdicts:?}",
        ask.what, ask.credential
    );
    Err((invariant::ANSWERS_AGREE_WITH_MODEL, detail))
}
