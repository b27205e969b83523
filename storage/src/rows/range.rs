//! Ranges of keys, half-open.

/// Keys from `start` on, below `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) start: Vec<u8>,
    pub(super) end: Option<Vec<u8>>,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    pub(super) fn under(prefix: Vec<u8>) -> Self {
        let end = after_all_under(&prefix);
        Self { start: prefix, end }
    }

    /// Narrows to keys from `start` on.
    pub(super) fn starting(mut self, start: Vec<u8>) -> Self {
        if start > self.start {
            self.start = start;
        }
        self
    }

    /// Narrows to keys below `end`.
    pub(super) fn ending(mut self, end: Option<Vec<u8>>) -> Self {
        let narrower = match (&end, &self.end) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(new), Some(old)) => new < old,
        };
        if narrower {
            self.end = end;
        }
        self
    }

    /// Narrows to keys above one key.
    pub(super) fn after(self, key: &[u8]) -> Self {
        let mut start = key.to_vec();
        start.push(0);
        self.starting(start)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// The smallest key above all that begin with `prefix`; nothing if there is none.
pub(super) fn after_all_under(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix() {
        let table: [(&[u8], Option<&[u8]>); 4] = [
            (b"", None),
            (&[0xFF, 0xFF], None),
            (&[1, 0xFF], Some(&[2])),
            (&[1, 2], Some(&[1, 3])),
        ];
        for (prefix, expected) in table {
            assert_eq!(after_all_under(prefix).as_deref(), expected);
        }
    }

    #[test]
    fn ranges_only_narrow() {
        let range = KeyRange::under(vec![5]);
        assert_eq!(range.clone().starting(vec![4]), range);
        assert_eq!(range.clone().ending(None), range);
        assert_eq!(range.clone().ending(Some(vec![9])), range);
        assert!(
            range
                .clone()
                .after(&[5, 1])
                .ending(Some(vec![5, 1]))
                .is_empty()
        );
        assert!(!range.is_empty());
    }
}
