//! File descriptors: a connection takes one, and the engines must not find the pool empty.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the files of the data folder and for what the runtime needs.
const RESERVED: u64 = 512;

/// Raises the process's limit as far as it may, and answers with how many of these connections fit
/// beside the files.
pub(super) fn connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        // What it was is what remains.
        Err(_) => limit.current,
    };
    let fitting = fitting(wanted, allowed);
    if fitting < wanted {
        tracing::warn!(
            wanted,
            fitting,
            "the limit of open files (ulimit -n) bounds the connections"
        );
    }
    fitting
}

/// Nothing allowed means no limit.
fn fitting(wanted: usize, allowed: Option<u64>) -> usize {
    let Some(allowed) = allowed else {
        return wanted;
    };
    let left = allowed.saturating_sub(RESERVED).max(allowed / 2);
    wanted.min(usize::try_from(left).unwrap_or(wanted)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_files() {
        assert_eq!(fitting(16_384, None), 16_384);
        assert_eq!(fitting(16_384, Some(1_048_576)), 16_384);
        assert_eq!(fitting(16_384, Some(1_024)), 512);
        assert_eq!(fitting(16_384, Some(256)), 128);
        assert_eq!(fitting(10, Some(0)), 1);
    }
}
