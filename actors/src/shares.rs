//! A room that projects share.

use std::collections::HashMap;

use everlog_domain::ids::ProjectNumber;

/// Counts what each project holds of a room. A project may hold as much as it leaves over, so there
/// is always some left: one busy project gets half, two get a third each, and however many there
/// are, a quiet one finds a place. These are the dynamic thresholds of Choudhury and Hahne (1998)
/// with a factor of 1.
#[derive(Debug)]
pub(crate) struct Shares {
    room: usize,
    used: usize,
    /// Of those that hold something.
    held: HashMap<ProjectNumber, usize>,
}

impl Shares {
    /// A room of this size. It must be 2 at least, or nobody gets anything.
    pub(crate) fn new(room: usize) -> Self {
        Self {
            room,
            used: 0,
            held: HashMap::new(),
        }
    }

    /// Takes so much for a project, unless it would then hold more than is left.
    pub(crate) fn take(&mut self, project: ProjectNumber, amount: usize) -> bool {
        let held = self.held.get(&project).copied().unwrap_or_default();
        let held = held.saturating_add(amount);
        let used = self.used.saturating_add(amount);
        if held > self.room.saturating_sub(used) {
            return false;
        }
        self.used = used;
        self.held.insert(project, held);
        true
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&mut self, project: ProjectNumber, amount: usize) {
        let Some(held) = self.held.get_mut(&project) else {
            return;
        };
        *held -= amount;
        self.used -= amount;
        if *held == 0 {
            self.held.remove(&project);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(shares: &mut Shares, project: u64) -> usize {
        let mut taken = 0;
        while shares.take(ProjectNumber(project), 1) {
            taken += 1;
        }
        taken
    }

    #[test]
    fn one_project_gets_half() {
        let mut shares = Shares::new(100);
        assert_eq!(take_all(&mut shares, 1), 50);
        assert!(!Shares::new(100).take(ProjectNumber(1), 51));
        assert!(!Shares::new(100).take(ProjectNumber(1), usize::MAX));
    }

    #[test]
    fn however_many_take_all_that_they_get_there_is_some_left() {
        let mut shares = Shares::new(1_000);
        for project in 0..8 {
            assert!(take_all(&mut shares, project) > 0, "{project}");
        }
        assert!(shares.take(ProjectNumber(8), 1));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_leaves_no_trace() {
        let mut shares = Shares::new(100);
        for project in 0..1_000 {
            let project = ProjectNumber(project);
            assert!(shares.take(project, 30));
            assert!(shares.take(project, 20));
            shares.give_back(project, 20);
            shares.give_back(project, 30);
        }
        assert_eq!((shares.used, shares.held.len()), (0, 0));
    }
}
