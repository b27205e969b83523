//! Examples, denials first.

use super::*;
use crate::log::chain;

#[test]
fn a_project_that_was_not_activated_is_refused() {
    let mut arbiter = Arbiter::new(CommitNumber(0));
    let refused = offer(&mut arbiter, append(0, &[("a", None)], vec![created("a")]));
    assert_eq!(refused, Err(Conflict::Inactive { project: PROJECT }));
}

#[test]
fn a_position_that_has_moved_is_refused_with_what_is_so() {
    let table = [
        // the stream is there already
        (None, vec![created("a")]),
        // somebody posted in between
        (head(1, 1), vec![posted("a")]),
        // from the future
        (head(1, 3), vec![posted("a")]),
        // another life at the same position
        (head(9, 2), vec![posted("a")]),
    ];
    for (believed, drafts) in table {
        let mut arbiter = arbiter();
        commit(
            &mut arbiter,
            append(0, &[("a", None)], vec![created("a"), posted("a")]),
        );
        let refused = offer(&mut arbiter, append(1, &[("a", believed)], drafts));
        let conflict = Conflict::Position {
            stream: stream("a"),
            expected: believed,
            found: head(1, 2),
        };
        assert_eq!(refused, Err(conflict));
    }
}

#[test]
fn streams_that_are_only_read_are_checked_too() {
    let mut arbiter = arbiter();
    commit(&mut arbiter, append(0, &[("a", None)], vec![created("a")]));
    commit(&mut arbiter, append(1, &[("b", None)], vec![created("b")]));
    commit(
        &mut arbiter,
        append(2, &[("b", head(2, 1))], vec![posted("b")]),
    );
    let rests_on_old_b = append(
        3,
        &[("a", head(1, 1)), ("b", head(2, 1))],
        vec![posted("a")],
    );
    let refused = offer(&mut arbiter, rests_on_old_b);
    assert!(matches!(refused, Err(Conflict::Position { stream: s, .. }) if s == stream("b")));
}

#[test]
fn a_refused_append_leaves_nothing_behind() {
    let mut arbiter = arbiter();
    commit(&mut arbiter, append(0, &[("a", None)], vec![created("a")]));
    let mut both = append(
        1,
        &[("b", None), ("a", head(1, 9))],
        vec![created("b"), posted("a")],
    );
    both.idempotency = wish(1, 1);
    assert!(offer(&mut arbiter, both).is_err());

    let mut retry = append(
        1,
        &[("b", None), ("a", head(1, 1))],
        vec![created("b"), posted("a")],
    );
    retry.idempotency = wish(1, 1);
    let batch = commit(&mut arbiter, retry);
    assert_eq!(batch.manifest.commit, CommitNumber(2));
    assert_eq!(batch.manifest.entries[0].first, Offset(2));
    assert_eq!(batch.manifest.entries[0].last, Offset(3));
}

#[test]
fn a_caller_from_before_a_revocation_is_refused_and_the_servers_own_appends_are_not() {
    let mut arbiter = arbiter();
    commit(
        &mut arbiter,
        append(0, &[("a", None)], vec![created("a"), revoked("a")]),
    );
    let post = |epoch| Append {
        access_epoch: epoch,
        ..append(1, &[("a", head(1, 2))], vec![posted("a")])
    };
    let refused = offer(&mut arbiter, post(Some(Offset(1))));
    let conflict = Conflict::Access {
        expected: Offset(1),
        found: Offset(2),
    };
    assert_eq!(refused, Err(conflict));
    assert!(offer(&mut arbiter, post(Some(Offset(2)))).is_ok());

    let by_server = append(1, &[("a", head(1, 3))], vec![posted("a")]);
    assert!(offer(&mut arbiter, by_server).is_ok());
}

#[test]
fn a_revocation_counts_within_its_own_batch() {
    let mut arbiter = arbiter();
    let mut batch = arbiter.begin();
    let first = append(0, &[("a", None)], vec![created("a"), revoked("a")]);
    arbiter.admit(&mut batch, first).unwrap();
    let late = Append {
        access_epoch: Some(Offset(0)),
        ..append(0, &[("b", None)], vec![created("b")])
    };
    let refused = arbiter.admit(&mut batch, late);
    assert!(matches!(refused, Err(Conflict::Access { .. })));
}

#[test]
fn a_wish_is_granted_once_and_a_retry_learns_of_it_before_anything_else() {
    let mut arbiter = arbiter();
    let mut first = append(0, &[("a", None)], vec![created("a"), revoked("a")]);
    first.idempotency = wish(1, 1);
    commit(&mut arbiter, first.clone());

    // Its position and its access epoch have moved, by its own doing.
    let retry = Append {
        access_epoch: Some(Offset(0)),
        idempotency: wish(1, 2),
        ..first
    };
    let conflict = Conflict::Duplicate {
        first: Offset(1),
        body: Hash::of_bytes(&[1]),
    };
    assert_eq!(offer(&mut arbiter, retry), Err(conflict));
}

#[test]
fn knowledge_older_than_the_horizon_is_sent_back() {
    let mut arbiter = arbiter().remembering(2);
    for (number, id) in (0u8..).zip(["a", "b", "c"]) {
        let mut fresh = append(number.into(), &[(id, None)], vec![created(id)]);
        fresh.idempotency = wish(number, 0);
        commit(&mut arbiter, fresh);
    }
    // Three are one too many: the next batch forgets the older ones, up to commit 2.
    let stale = Conflict::Stale {
        as_of: CommitNumber(1),
        horizon: CommitNumber(2),
    };
    let again = append(1, &[("b", None)], vec![created("b")]);
    assert_eq!(offer(&mut arbiter, again), Err(stale.clone()));

    let mut retry = append(1, &[("c", head(3, 1))], vec![posted("c")]);
    retry.idempotency = wish(1, 0);
    assert_eq!(offer(&mut arbiter, retry), Err(stale));

    let informed = append(2, &[("b", head(2, 1))], vec![posted("b")]);
    assert!(offer(&mut arbiter, informed).is_ok());
}

#[test]
fn a_restarted_arbiter_wants_knowledge_of_the_whole_log() {
    let mut arbiter = Arbiter::new(CommitNumber(40));
    let empty = ProjectHead::empty(UID);
    let stale = Conflict::Stale {
        as_of: CommitNumber(39),
        horizon: CommitNumber(40),
    };
    let old = arbiter.activate(PROJECT, empty, CommitNumber(39));
    assert_eq!(old, Err(stale.clone()));
    arbiter.activate(PROJECT, empty, CommitNumber(40)).unwrap();
    let refused = offer(&mut arbiter, append(39, &[("a", None)], vec![created("a")]));
    assert_eq!(refused, Err(stale));
}

#[test]
fn a_forgotten_project_is_taken_back_only_with_what_it_did() {
    let mut arbiter = arbiter();
    let batch = commit(&mut arbiter, append(0, &[("a", None)], vec![created("a")]));
    let mut arbiter = arbiter.remembering(0);
    let post = append(1, &[("a", head(1, 1))], vec![posted("a")]);
    let forgotten = offer(&mut arbiter, post.clone());
    assert_eq!(forgotten, Err(Conflict::Inactive { project: PROJECT }));
    let empty = ProjectHead::empty(UID);
    let old = arbiter.activate(PROJECT, empty, CommitNumber(0));
    assert!(matches!(old, Err(Conflict::Stale { .. })));

    let known = ProjectHead {
        offset: Offset(1),
        hash: batch.manifest.entries[0].head,
        ..empty
    };
    let mut next = arbiter.begin();
    arbiter.activate(PROJECT, known, CommitNumber(1)).unwrap();
    assert_eq!(arbiter.admit(&mut next, post), Ok(vec![Offset(2)]));
}

#[test]
fn an_active_project_keeps_its_own_head() {
    let mut arbiter = arbiter();
    commit(&mut arbiter, append(0, &[("a", None)], vec![created("a")]));
    arbiter
        .activate(PROJECT, ProjectHead::empty(UID), CommitNumber(0))
        .unwrap();
    let batch = commit(&mut arbiter, append(0, &[("b", None)], vec![created("b")]));
    assert_eq!(batch.manifest.entries[0].first, Offset(2));
}

/// A post by somebody who builds on its own append in flight.
fn on_top_of(ticket: Ticket, head: Option<Head>) -> Append {
    let expected = Expected {
        stream: stream("a"),
        head,
        basis: Basis::InFlight(ticket),
    };
    Append {
        expected: vec![expected],
        ..append(1, &[], vec![posted("a")])
    }
}

#[test]
fn what_was_decided_on_a_refused_append_is_refused_though_the_position_is_right() {
    let mut arbiter = arbiter();
    commit(&mut arbiter, append(0, &[("a", None)], vec![created("a")]));
    let by = |ticket| Append {
        ticket: Some(Ticket(ticket)),
        ..append(1, &[("a", head(1, 1))], vec![posted("a")])
    };
    commit(&mut arbiter, by(7));
    let refused = offer(&mut arbiter, by(8));
    assert!(matches!(refused, Err(Conflict::Position { .. })));
    // Both led, or would have led, to the same position.
    let refused = offer(&mut arbiter, on_top_of(Ticket(8), head(1, 2)));
    assert!(matches!(refused, Err(Conflict::Position { .. })));
    let granted = offer(&mut arbiter, on_top_of(Ticket(7), head(1, 2)));
    assert!(granted.is_ok());
}

#[test]
fn what_was_decided_on_a_refused_append_is_refused_though_nobody_remembers_the_stream() {
    let mut arbiter = Arbiter::new(CommitNumber(1));
    let known = ProjectHead {
        offset: Offset(1),
        caller_epoch: Offset(1),
        ..ProjectHead::empty(UID)
    };
    arbiter.activate(PROJECT, known, CommitNumber(1)).unwrap();
    let first = Append {
        access_epoch: Some(Offset(0)),
        ..append(1, &[("a", head(1, 1))], vec![posted("a")])
    };
    let second = on_top_of(Ticket(1), head(1, 2));

    let refused = offer(&mut arbiter, first);
    assert!(matches!(refused, Err(Conflict::Access { .. })));
    let conflict = Conflict::Position {
        stream: stream("a"),
        expected: head(1, 2),
        found: None,
    };
    assert_eq!(offer(&mut arbiter, second), Err(conflict));
}

#[test]
fn a_batch_that_was_taken_back_leaves_nothing_behind() {
    let mut arbiter = arbiter();
    commit(&mut arbiter, append(0, &[("a", None)], vec![created("a")]));
    let mut lost = append(1, &[("a", head(1, 1))], vec![posted("a"), revoked("a")]);
    lost.idempotency = wish(1, 1);
    let batch = commit(&mut arbiter, lost.clone());
    arbiter.rescind(&batch);

    let on_top = on_top_of(Ticket(1), head(1, 3));
    let inactive = Err(Conflict::Inactive { project: PROJECT });
    assert_eq!(offer(&mut arbiter, on_top.clone()), inactive);
    let known = ProjectHead {
        offset: Offset(1),
        ..ProjectHead::empty(UID)
    };
    arbiter.activate(PROJECT, known, CommitNumber(1)).unwrap();
    let refused = offer(&mut arbiter, on_top);
    assert!(matches!(refused, Err(Conflict::Position { found, .. }) if found.is_none()));

    let again = Append {
        access_epoch: Some(Offset(0)),
        ..lost
    };
    let batch = commit(&mut arbiter, again);
    assert_eq!(batch.manifest.commit, CommitNumber(2));
    assert_eq!(places(&batch), [(2, 1, 2), (3, 1, 3)]);
}

#[test]
fn an_append_may_span_streams() {
    let mut arbiter = arbiter();
    let drafts = vec![created("a"), created("b"), posted("a")];
    let batch = commit(&mut arbiter, append(0, &[("a", None), ("b", None)], drafts));
    assert_eq!(places(&batch), [(1, 1, 1), (2, 2, 1), (3, 1, 2)]);
}

/// Offset, incarnation and position of each event.
fn places(batch: &Batch) -> Vec<(u64, u64, u64)> {
    let envelopes = batch.events.iter().map(|event| &event.recorded.envelope);
    envelopes
        .map(|e| (e.offset.0, e.incarnation.0, e.position.0))
        .collect()
}

#[test]
fn a_stream_that_is_created_again_begins_a_new_life() {
    let mut arbiter = arbiter();
    commit(
        &mut arbiter,
        append(0, &[("a", None)], vec![created("a"), deleted("a")]),
    );
    let again = append(1, &[("a", head(1, 2))], vec![created("a"), posted("a")]);
    let batch = commit(&mut arbiter, again);
    assert_eq!(places(&batch), [(3, 3, 1), (4, 3, 2)]);
    // Who still believes in the first life is told of the second.
    let ghost = append(2, &[("a", head(1, 2))], vec![posted("a")]);
    let refused = offer(&mut arbiter, ghost);
    assert!(matches!(refused, Err(Conflict::Position { found, .. }) if found == head(3, 2)));
}

#[test]
fn time_never_runs_backwards_in_a_project() {
    let mut arbiter = arbiter();
    let times = [500, 400, 0, 501].map(|time| {
        let id = format!("t{time}");
        let fresh = Append {
            time: Time(time),
            ..append(0, &[(&id, None)], vec![created(&id)])
        };
        let batch = commit(&mut arbiter, fresh);
        batch.events[0].recorded.envelope.time.0
    });
    assert_eq!(times, [500, 500, 500, 501]);
}

#[test]
fn projects_have_offsets_and_chains_of_their_own() {
    let other = ProjectNumber(3);
    let uid = ProjectUid([8; 16]);
    let mut arbiter = arbiter();
    arbiter
        .activate(other, ProjectHead::empty(uid), CommitNumber(0))
        .unwrap();
    let mut batch = arbiter.begin();
    for project in [other, PROJECT, other] {
        let id = format!("t{}", batch.len());
        let fresh = Append {
            project,
            ..append(0, &[(&id, None)], vec![created(&id)])
        };
        arbiter.admit(&mut batch, fresh).unwrap();
    }
    let batch = batch.seal();
    let lasts = batch.manifest.entries.iter().map(|e| (e.project, e.last));
    let lasts: Vec<_> = lasts.collect();
    assert_eq!(lasts, [(PROJECT, Offset(1)), (other, Offset(2))]);
    let previous = |n: usize| batch.events[n].recorded.envelope.previous;
    assert_eq!(previous(0), chain::genesis(uid));
    assert_eq!(previous(1), chain::genesis(UID));
    assert_eq!(previous(2), batch.events[0].hash);
    assert_eq!(batch.manifest.entries[1].head, batch.events[2].hash);
}

#[test]
fn a_threads_own_access_concerns_no_other_thread() {
    let mut arbiter = arbiter();
    let access = ThreadAccess::default();
    let changed = draft("a", ThreadEvent::from(ThreadPermissionsChanged { access }));
    commit(
        &mut arbiter,
        append(0, &[("a", None)], vec![created("a"), changed]),
    );
    let elsewhere = Append {
        access_epoch: Some(Offset(0)),
        ..append(0, &[("b", None)], vec![created("b")])
    };
    assert!(offer(&mut arbiter, elsewhere).is_ok());
    // In the thread itself, what was decided before no longer stands where it did.
    let before = Append {
        access_epoch: Some(Offset(0)),
        ..append(1, &[("a", head(1, 1))], vec![posted("a")])
    };
    let refused = offer(&mut arbiter, before);
    assert!(matches!(refused, Err(Conflict::Position { .. })));
}

#[test]
fn a_name_is_claimed_once_however_many_saw_it_free() {
    let claiming = |as_of, id, name| Append {
        claims: vec![Claim::on("email", name)],
        ..append(as_of, &[(id, None)], vec![created(id)])
    };
    let mut arbiter = arbiter();
    let mut batch = arbiter.begin();
    arbiter.admit(&mut batch, claiming(0, "a", "x")).unwrap();
    let second = arbiter.admit(&mut batch, claiming(0, "b", "x"));
    let stale = Err(Conflict::Stale {
        as_of: CommitNumber(0),
        horizon: CommitNumber(1),
    });
    assert_eq!(second, stale, "within one batch");
    arbiter.admit(&mut batch, claiming(0, "c", "y")).unwrap();
    drop(batch.seal());
    let later = offer(&mut arbiter, claiming(0, "b", "x"));
    assert_eq!(later.map(|_| ()), stale.clone().map(|_| ()), "after it");
    // Who looked after the commit knows whose it is; the arbiter does not forbid it for ever.
    assert!(offer(&mut arbiter, claiming(1, "d", "x")).is_ok());
}

#[test]
fn a_forgotten_claim_sends_old_knowledge_back() {
    let mut arbiter = arbiter();
    let claiming = |as_of, id| Append {
        claims: vec![Claim::on("email", "x")],
        ..append(as_of, &[(id, None)], vec![created(id)])
    };
    commit(&mut arbiter, claiming(0, "a"));
    let mut arbiter = arbiter.remembering(0);
    let mut batch = arbiter.begin();
    arbiter
        .activate(PROJECT, ProjectHead::empty(UID), CommitNumber(1))
        .unwrap();
    let old = arbiter.admit(&mut batch, claiming(0, "b"));
    assert!(matches!(old, Err(Conflict::Stale { .. })));
}
