//! The lines of an export.

use everlog_domain::tables::system::receipts;
use everlog_domain::value::Value;
use serde::Serialize;

use crate::error::{ApiError, ErrorBody};
use crate::http::{ItemAnswer, ThreadAnswer};

/// The version of the form. A field may be added without a new one.
pub(super) const VERSION: u32 = 1;

/// A line, told apart by its `type`.
#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(super) enum Line<'a> {
    /// The first one.
    Export {
        version: u32,
        /// The moment, as `at` takes it.
        at: &'a str,
        /// When it was asked for.
        exported_at: String,
    },
    /// A thread. What belongs to it follows.
    Thread(ThreadAnswer),
    /// An item of the thread, in their order.
    Item(ItemAnswer<'a>),
    /// How far somebody has read the thread.
    Receipt {
        thread_id: &'a str,
        participant: &'a str,
        item_id: &'a str,
        #[serde(rename = "$updatedAt")]
        updated_at: String,
    },
    /// The thread is not for the caller any more: what is missing of it does not come.
    Withdrawn { thread_id: &'a str },
    /// The last one: nothing was cut off.
    End {
        threads: u64,
        items: u64,
        receipts: u64,
        withdrawn: u64,
    },
}

/// The last line of an export that ends before its end.
#[derive(Serialize)]
struct Broken<'a> {
    error: ErrorBody<'a>,
}

impl Line<'_> {
    /// Writes it at the end of others.
    pub(super) fn write(&self, lines: &mut Vec<u8>) -> Result<(), ApiError> {
        serde_json::to_writer(&mut *lines, self).map_err(ApiError::internal)?;
        lines.push(b'\n');
        Ok(())
    }
}

/// The line of a receipt's row.
pub(super) fn receipt(row: &[Value]) -> Line<'_> {
    let text = |place| row.get(place).and_then(Value::as_text).unwrap_or_default();
    let time = row.get(receipts::UPDATED_AT).and_then(Value::as_time);
    Line::Receipt {
        thread_id: text(receipts::THREAD),
        participant: text(receipts::BY),
        item_id: text(receipts::ITEM),
        updated_at: time.unwrap_or_default().to_string(),
    }
}

/// Why it ends here.
pub(super) fn broken(error: &ApiError) -> Vec<u8> {
    let broken = Broken {
        error: error.body(),
    };
    // string keys only, so that it can be written
    let mut line = serde_json::to_vec(&broken).unwrap_or_default();
    line.push(b'\n');
    line
}
