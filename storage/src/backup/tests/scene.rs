//! A data folder with a backup beside it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use everlog_domain::access::Principal;
use everlog_domain::envelope::{Stream, StreamKind};
use everlog_domain::event::Event;
use everlog_domain::ids::{CONSOLE, CommitNumber, ProjectId, ProjectNumber, ProjectUid};
use everlog_domain::log::{Append, Arbiter, Draft, ProjectHead};
use everlog_domain::ports::{Log, Rows, Subject};
use everlog_domain::projects::{ProjectCreated, ProjectEvent};
use everlog_domain::time::Time;
use tempfile::TempDir;

use crate::backup::{
    BackupFailure, BackupReport, Point, RestoreFailure, RestoreOptions, RestoreReport, back_up,
    restore,
};
use crate::conformance::batches::{posted, uid};
use crate::conformance::rows::dump;
use crate::fixture::{options, reopen};
use crate::keys::MasterKeySource;
use crate::log::EmbeddedLog;
use crate::offline::verify;
use crate::open::open;

/// The first microsecond of a scene; each batch comes a second later than the one before.
const START: i64 = 1_700_000_000_000_000;

/// The projects that a scene's console makes, numbers 2 and 3.
pub(super) const PROJECTS: [&str; 2] = ["one", "two"];

/// When a batch of a scene is written.
pub(super) const fn time_of(commit: u64) -> Time {
    Time(START).plus_seconds(commit as i64)
}

pub(super) struct Scene {
    folder: TempDir,
    arbiter: Arbiter,
}

impl Scene {
    /// A folder of which the first batch makes two projects and each further one adds three
    /// events to the first project and one to the second.
    pub(super) fn of(batches: u64) -> Self {
        Self::begin(tempfile::tempdir().unwrap(), batches)
    }

    /// The same batches, encrypted anew, in a folder without a log.
    pub(super) fn again(self, batches: u64) -> Self {
        Self::begin(self.folder, batches)
    }

    fn begin(folder: TempDir, batches: u64) -> Self {
        let heads = [1, 2, 3].map(|number| {
            let project = ProjectNumber(number);
            (project, ProjectHead::empty(uid(project)))
        });
        let mut scene = Self {
            folder,
            arbiter: arbiter(CommitNumber(0), &heads),
        };
        let log = reopen(&scene.data()).unwrap();
        let created = (2..).zip(PROJECTS).map(|(number, id)| {
            let event = Event::Project(ProjectEvent::ProjectCreated(ProjectCreated {
                project: ProjectId::parse(id).unwrap(),
                number: ProjectNumber(number),
                uid: uid(ProjectNumber(number)),
                name: id.to_owned(),
            }));
            (CONSOLE, event)
        });
        scene.append(&log, "thread", created.collect());
        drop(log);
        scene.grow(batches - 1, "text");
        scene
    }

    /// Adds a project without events, number 4.
    pub(super) fn create(&mut self, id: &str, uid: ProjectUid) {
        let log = reopen(&self.data()).unwrap();
        let event = Event::Project(ProjectEvent::ProjectCreated(ProjectCreated {
            project: ProjectId::parse(id).unwrap(),
            number: ProjectNumber(4),
            uid,
            name: id.to_owned(),
        }));
        self.append(&log, "thread", vec![(CONSOLE, event)]);
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn backup(&self) -> PathBuf {
        self.folder.path().join("backup")
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.folder.path().join("keys.txt")
    }

    pub(super) fn restored(&self) -> PathBuf {
        self.folder.path().join("restored")
    }

    /// Adds batches, as [`Scene::of`] does.
    pub(super) fn grow(&mut self, batches: u64, text: &str) {
        let log = reopen(&self.data()).unwrap();
        self.grow_open(&log, batches, text);
    }

    pub(super) fn grow_open(&mut self, log: &EmbeddedLog, batches: u64, text: &str) {
        for _ in 0..batches {
            let number = log.head().0;
            let event = |project, place| {
                let text = format!("{text} {number} {project} {place}");
                (ProjectNumber(project), posted(&text))
            };
            // not in the order of the page
            let events = vec![event(3, 0), event(2, 0), event(2, 1), event(2, 2)];
            self.append(log, "thread", events);
        }
    }

    /// A batch about somebody who had no key yet.
    pub(super) fn grow_with_new_subject(&mut self, log: &EmbeddedLog) {
        let events = vec![(ProjectNumber(2), posted("of somebody new"))];
        self.append(log, "another thread", events);
    }

    /// Goes on with a log that was restored, by a batch with an event of each of these projects.
    pub(super) fn go_on(&mut self, log: &EmbeddedLog, projects: &[u64]) {
        let mut heads: HashMap<_, _> = projects
            .iter()
            .map(|number| ProjectNumber(*number))
            .map(|project| (project, ProjectHead::empty(uid(project))))
            .collect();
        for page in log.manifests(CommitNumber(0), 1_000).unwrap() {
            for entry in page.entries {
                if let Some(head) = heads.get_mut(&entry.project) {
                    (head.offset, head.hash) = (entry.last, entry.head);
                }
            }
        }
        let heads: Vec<_> = heads.into_iter().collect();
        self.arbiter = arbiter(log.head(), &heads);
        let event = |(project, _): &(ProjectNumber, _)| (*project, posted("after the restore"));
        self.append(log, "thread", heads.iter().map(event).collect());
    }

    fn append(
        &mut self,
        log: &EmbeddedLog,
        subject_of_posts: &str,
        events: Vec<(ProjectNumber, Event)>,
    ) {
        let commit = log.head();
        let mut open = self.arbiter.begin();
        for (project, event) in events {
            let (stream, subject) = match &event {
                Event::Project(_) => (
                    Stream::new(StreamKind::Project, "project"),
                    Subject::Project,
                ),
                _ => (thread(project), Subject::Thread(subject_of_posts.into())),
            };
            let sealed = log.seal(uid(project), &subject, &event).unwrap();
            let append = Append {
                project,
                ticket: None,
                expected: Vec::new(),
                as_of: commit,
                claims: Vec::new(),
                access_epoch: None,
                idempotency: None,
                principal: Principal::System,
                on_behalf_of: None,
                cause: None,
                time: time_of(commit.0 + 1),
                drafts: vec![Draft {
                    stream,
                    event,
                    sealed,
                }],
            };
            self.arbiter.admit(&mut open, append).unwrap();
        }
        log.append(&open.seal()).unwrap();
    }

    pub(super) fn back_up(&self) -> Result<BackupReport, BackupFailure> {
        back_up(
            &self.data(),
            &self.backup(),
            Some(&self.keys()),
            &mut |_| {},
        )
    }

    pub(super) fn options(&self, point: Point) -> RestoreOptions {
        RestoreOptions {
            from: self.backup(),
            to: self.restored(),
            keys: self.keys(),
            master_key: MasterKeySource::File(self.data().join("master.key")),
            checkpoint_dir: None,
            project: None,
            with_others: false,
            point,
        }
    }

    /// Restores, and proves that what was restored is sound, opens, and has the same events and
    /// rows up to there as the original.
    #[track_caller]
    pub(super) fn restore_sound(&self, options: &RestoreOptions) -> RestoreReport {
        let report = restore(options, &mut |_| {}).unwrap();
        fs::copy(
            self.data().join("master.key"),
            options.to.join("master.key"),
        )
        .unwrap();
        let found = verify(&crate::fixture::options(&options.to), &mut |_| {}).unwrap();
        assert!(found.is_sound(), "{found:#?}");
        assert_eq!(found.events, report.events);
        report
    }

    /// A refusal that left nothing.
    #[track_caller]
    pub(super) fn refused(&self, options: &RestoreOptions) -> RestoreFailure {
        let failure = restore(options, &mut |_| {}).unwrap_err();
        let left = fs::read_dir(self.folder.path()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        let known = ["data", "backup", "keys.txt", "elsewhere"];
        assert!(
            left.iter()
                .all(|name| known.iter().any(|known| name == known)),
            "{failure} left {left:?}"
        );
        failure
    }
}

fn arbiter(commit: CommitNumber, heads: &[(ProjectNumber, ProjectHead)]) -> Arbiter {
    let mut arbiter = Arbiter::new(commit);
    for (project, head) in heads {
        arbiter.activate(*project, *head, commit).unwrap();
    }
    arbiter
}

fn thread(project: ProjectNumber) -> Stream {
    let id = everlog_domain::ids::ThreadId::from_seed(&project.0.to_be_bytes());
    Stream::thread(&id)
}

/// The events and rows of a folder's projects 1 to 3.
pub(super) fn told(data: &Path) -> Vec<(Vec<String>, Vec<String>)> {
    let opened = open(&options(data)).unwrap();
    let of_project = |number| {
        let project = ProjectNumber(number);
        let events = opened
            .log
            .read(project, everlog_domain::ids::Offset(1), 10_000);
        let events = events
            .unwrap()
            .iter()
            .map(|event| format!("{event:?}"))
            .collect();
        (events, dump(&*opened.rows.view(), project))
    };
    (1..=3).map(of_project).collect()
}
