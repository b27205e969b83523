//! Ids of new things: the client's own, or made.

use everlog_actors::IdOrigin;
use everlog_domain::envelope::Idempotency;
use everlog_domain::ids::InvalidId;

use crate::error::ApiError;

/// Asks for a made id.
const UNIQUE: &str = "unique()";

/// An id for something new.
pub(super) struct NewId<T> {
    pub(super) id: T,
    pub(super) origin: IdOrigin,
}

/// The id that the client chose; or, for `unique()` or nothing, one made from the wish, so that a
/// retry makes the same thing, or else one that nobody can foretell.
pub(super) fn new_id<T>(
    field: &str,
    chosen: Option<&str>,
    wish: Option<&Idempotency>,
    parse: fn(&str) -> Result<T, InvalidId>,
    from_seed: fn(&[u8]) -> T,
) -> Result<NewId<T>, ApiError> {
    match (chosen, wish) {
        (Some(text), _) if text != UNIQUE => {
            let id = parse(text).map_err(|error| ApiError::argument(field, error))?;
            let origin = IdOrigin::Chosen;
            Ok(NewId { id, origin })
        }
        (_, Some(wish)) => {
            let id = from_seed(wish.scope.as_bytes());
            let origin = IdOrigin::Chosen;
            Ok(NewId { id, origin })
        }
        (_, None) => {
            let id = from_seed(&crate::random::name());
            let origin = IdOrigin::Random;
            Ok(NewId { id, origin })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everlog_domain::hash::Hash;
    use everlog_domain::ids::ThreadId;

    fn make(chosen: Option<&str>, wish: Option<&Idempotency>) -> Result<NewId<ThreadId>, ApiError> {
        new_id(
            "threadId",
            chosen,
            wish,
            ThreadId::parse,
            ThreadId::from_seed,
        )
    }

    #[test]
    fn a_retry_makes_the_same_id_and_everybody_else_another() {
        let wish = |seed: &[u8]| Idempotency {
            scope: Hash::of(&[seed]),
            body: Hash::default(),
        };
        assert!(make(Some("a b"), None).is_err());
        let made = |chosen, wish: Option<&Idempotency>| make(chosen, wish).map(|new| new.id);
        assert_eq!(
            made(Some("a"), Some(&wish(b"1"))),
            ThreadId::parse("a").map_err(|_| unreachable!())
        );
        assert_eq!(
            made(None, Some(&wish(b"1"))),
            made(Some(UNIQUE), Some(&wish(b"1")))
        );
        assert_ne!(made(None, Some(&wish(b"1"))), made(None, Some(&wish(b"2"))));
        assert_ne!(made(None, None), made(Some(UNIQUE), None));
    }
}
