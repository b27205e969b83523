use std::fmt::Display;

use super::RecordError;

/// A stored number or name that must be one of those known.
pub(super) trait Known<T> {
    fn known(self, field: &'static str, found: impl Display) -> Result<T, RecordError>;
}

impl<T> Known<T> for Option<T> {
    fn known(self, field: &'static str, found: impl Display) -> Result<T, RecordError> {
        self.ok_or_else(|| RecordError::Field {
            field,
            found: found.to_string(),
        })
    }
}
