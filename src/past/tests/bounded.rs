//! What a reading may cost, and which moment a time names.

use everlog_domain::ids::{Offset, ThreadId};
use everlog_domain::ports::Rows;
use everlog_domain::query::{Filter, Query};
use everlog_domain::tables::system::threads;
use everlog_kit::{MemoryLog, MemoryRows};
use everlog_storage::conformance::history::{BEGINNING, History, project};

use super::super::bounds::Bounds;
use super::super::{Asked, At, Past};
use super::{ONE, callers};
use crate::cursor::CursorCodec;
use crate::error::ErrorType;

/// Two threads: of the first two events, of the second a few, a second apart each.
fn world() -> (MemoryLog, MemoryRows) {
    let (log, rows) = (MemoryLog::new(), MemoryRows::new());
    let mut history = History::into_log(&log);
    history.create_thread(1, "a", None, &["any"]);
    history.create_thread(1, "b", None, &["any"]);
    for number in 0..8 {
        history.time = history.time.plus_seconds(1);
        history.post(1, "b", &format!("i{number}"));
    }
    history.rename_thread(1, "a", "late");
    project(&rows, history.commit().unwrap());
    (log, rows)
}

#[test]
fn what_lies_too_far_back_is_refused_and_not_slow() {
    let (log, rows) = world();
    let view = rows.view();
    let key = &callers()[3];
    let past =
        |at: u64, bounds: Bounds| Past::new(view.as_ref(), &log, key, Offset(at)).bounded(bounds);
    let bounds = Bounds::default();
    let list = |at, bounds| {
        let page = past(at, bounds).threads(&Query::default());
        page.map(|page| page.rows.len())
            .map_err(|error| error.kind())
    };
    let thread = |id: &str, at, bounds| {
        let thread = past(at, bounds).thread(&ThreadId::parse(id).unwrap());
        thread.map(drop).map_err(|error| error.kind())
    };
    let items = |at, bounds| {
        let past = past(at, bounds);
        let thread = past.thread(&ThreadId::parse("b").unwrap())?;
        past.items(thread).map(drop)
    };
    let too_far = ErrorType::PastTooFar;
    let since = Bounds { since: 5, ..bounds };
    assert_eq!(list(5, since), Err(too_far));
    assert_eq!(list(6, since), Ok(2));
    assert_eq!(list(2, bounds), Ok(2));
    // of one thread its own events count
    assert_eq!(thread("b", 2, since), Err(too_far));
    assert_eq!(thread("b", 5, since), Ok(()));
    assert_eq!(thread("a", 2, since), Ok(()));
    assert_eq!(
        list(
            2,
            Bounds {
                folded: 1,
                ..bounds
            }
        ),
        Err(too_far)
    );
    assert_eq!(
        list(
            2,
            Bounds {
                bytes: 10,
                ..bounds
            }
        ),
        Err(too_far)
    );
    assert_eq!(
        thread(
            "b",
            5,
            Bounds {
                entries: 4,
                ..bounds
            }
        ),
        Err(too_far)
    );
    assert_eq!(
        thread(
            "a",
            5,
            Bounds {
                events: 1,
                ..bounds
            }
        ),
        Err(too_far)
    );
    let found = items(
        3,
        Bounds {
            bytes: 10,
            ..bounds
        },
    );
    assert_eq!(found.map_err(|error| error.kind()), Err(too_far));
    let error = past(5, since).threads(&Query::default()).unwrap_err();
    let text = error.body().message;
    assert_eq!(
        text,
        "at: more than 5 events lie between that moment and now; name a later moment, or ask for one thread or item alone"
    );
}

/// The engine stops counting where a total does: what it counted may be what was not there.
#[test]
fn totals_are_counted_beyond_what_the_engine_counts() {
    let (log, rows) = (MemoryLog::new(), MemoryRows::new());
    let mut history = History::into_log(&log);
    for number in 0..5_002 {
        let name = if number < 4 { "y" } else { "x" };
        history.create_thread(1, &format!("t{number}"), Some(name), &["any"]);
    }
    for number in 0..4 {
        history.rename_thread(1, &format!("t{number}"), "x");
    }
    project(&rows, history.commit().unwrap());
    let view = rows.view();
    let callers = callers();
    for caller in [&callers[0], &callers[3]] {
        for (at, expected) in [(5_002, 4_998), (5_003, 4_999), (5_006, 5_000)] {
            let query = Query {
                filters: vec![Filter::equal(threads::NAME, "x")],
                ..Query::default()
            };
            let past = Past::new(view.as_ref(), &log, caller, Offset(at));
            assert_eq!(past.threads(&query).unwrap().total, expected, "at {at}");
        }
    }
}

/// However long a thread is: each page costs what lies before it and after it within the bounds.
#[test]
fn a_long_history_is_read_from_its_beginning() {
    let (log, rows) = world();
    let view = rows.view();
    let key = &callers()[3];
    let bounds = Bounds {
        since: 2,
        entries: 20,
        ..Bounds::default()
    };
    for (id, expected) in [("a", 2), ("b", 9)] {
        let (mut found, mut after) = (0, Some(Offset(0)));
        while let Some(reached) = after {
            let past = Past::new(view.as_ref(), &log, key, Offset(11));
            let asked = Asked {
                thread: ThreadId::parse(id).unwrap(),
                item: None,
                after: reached,
                limit: 1,
            };
            let page = past.bounded(bounds).history(&asked).unwrap();
            found += page.events.len();
            after = page.more_after;
        }
        assert_eq!(found, expected, "{id}");
    }
}

#[test]
fn a_time_names_the_last_event_up_to_it() {
    let (log, rows) = world();
    let view = rows.view();
    let caller = &callers()[3];
    let cursors = CursorCodec::new(b"one");
    let now = BEGINNING.plus_seconds(60);
    let resolve = |text: &str| {
        let at = At::parse(text, caller, &cursors).map_err(|error| error.kind())?;
        let offset = at.resolve(view.as_ref(), &log, ONE, now);
        offset.map_err(|error| error.kind())
    };
    let after = |seconds| BEGINNING.plus_seconds(seconds).to_string();
    let later = |us: i64| {
        let second = "2023-11-14T22:13:20.";
        format!("{second}{us:06}Z")
    };
    for text in [
        after(61),
        "2999-01-01T00:00:00Z".into(),
        "5".into(),
        cursors.encode(ONE, Offset(12)).into(),
    ] {
        assert_eq!(resolve(&text), Err(ErrorType::ArgumentInvalid), "{text}");
    }
    for (text, offset) in [
        (after(-1), 0),
        (after(0), 2),
        (later(999_999), 2),
        (after(1), 3),
        (after(1).replace('+', " "), 3),
        (after(8), 11),
        (after(60), 11),
        (cursors.encode(ONE, Offset(7)).into(), 7),
        (cursors.encode(ONE, Offset(11)).into(), 11),
    ] {
        assert_eq!(resolve(&text), Ok(Offset(offset)), "{text}");
    }
}
