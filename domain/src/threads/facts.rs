//! What a decision is made on, beside the state.

use super::state::Written;
use crate::access::Caller;

/// What a decision needs to know beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// Whether the thread has an item with the id that the command brings.
    pub item_exists: bool,
    /// What has been written of the item that the command closes, if that is open.
    pub written: Option<&'a Written>,
}
