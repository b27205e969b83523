//! Bounds of a thread and of what stands in it.

/// Most participants of one thread.
pub(super) const MAX_PARTICIPANTS: usize = 200;
/// Most items of a thread that are being written at once.
pub const MAX_OPEN_ITEMS: usize = 32;
/// Most items of a thread that one author writes at once: whoever opens many and goes away must
/// not keep everybody else from writing.
pub(super) const MAX_OPEN_ITEMS_OF_AN_AUTHOR: usize = 8;
/// Most appends to one item: so many rows are read to know how far it has got.
pub const MAX_APPENDS: usize = 256 * 1024;
/// Most parts of one item.
pub const MAX_PARTS: usize = 64;
/// Largest content of one item, in bytes of JSON text, or as stored where that is more.
pub const MAX_ITEM_BYTES: usize = 1024 * 1024;
