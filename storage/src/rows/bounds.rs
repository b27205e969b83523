//! What one list may cost.

/// See the module's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Rows that it may look at before it is refused.
    pub looked_at: u64,
    /// Postings that are sorted without trying the order's index first.
    pub few_postings: usize,
    /// Rows that the order's index may pass before the postings are sorted after all.
    pub patience: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            looked_at: 200_000,
            few_postings: 1_000,
            patience: 20_000,
        }
    }
}
