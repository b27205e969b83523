//! Forks share the items of their source. Nothing is copied for them: whoever reads rows reads them
//! through [`WithForks`], in which a fork has the items, and their places in the tree, that its source
//! had at the moment of the fork, under the fork's own keys.
//!
//! Where an item of the source was edited or deleted since, its version of before was kept beside it.
//! Where the fork changed an item itself, it has a copy, which is an ordinary row of its own. The
//! positions of a fork's own events go on where its source was, so one number orders both.
//!
//! Marks (reactions, pins, receipts) are not shared: a fork begins without.

mod ancestors;
mod list;
mod view;
mod walk;

pub(crate) use ancestors::depth_of;
pub(crate) use view::WithForks;
