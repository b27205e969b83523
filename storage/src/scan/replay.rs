use super::batch::{Change, JournalItem, Span, read_items, read_whole};
use super::damage::ScanDamage;
use super::entry::{Flaw, FlawKind, Unread};
use super::findings::{Damage, Evidence, JournalFile, Standing, Tail, WholeBatch};
use super::search::{Beyond, Search};
use super::window::FileWindow;

/// What is carried from one file to the next.
pub(super) struct Course {
    standing: Standing,
    last_seqno: Option<u64>,
    /// A keyspace was cleared: opened again after that, fjall may start from a lower number.
    cleared: bool,
}

impl Course {
    pub(super) fn new() -> Self {
        Self {
            standing: Standing::InSequence,
            last_seqno: None,
            cleared: false,
        }
    }

    fn order_flaw(&self, batch: Span) -> Option<Flaw> {
        let before = self.last_seqno.filter(|before| batch.seqno <= *before)?;
        let expected = self.standing == Standing::InSequence && !self.cleared;
        let kind = FlawKind::SeqnoOrder {
            before,
            found: batch.seqno,
        };
        expected.then_some(Flaw {
            at: batch.start,
            kind,
        })
    }
}

/// The pass over one file.
pub(super) struct FileScan<'a> {
    pub(super) id: u64,
    /// The number of the next journal, where this one is sealed.
    pub(super) later: Option<u64>,
    pub(super) course: &'a mut Course,
    pub(super) window: FileWindow,
}

impl FileScan<'_> {
    pub(super) fn run(
        mut self,
        visit: &mut dyn FnMut(&WholeBatch, JournalItem<'_>),
    ) -> Result<JournalFile, ScanDamage> {
        let line = self.read_line(0, visit)?;
        let tail = match line.flaw {
            Some(flaw) => self.look_beyond(line.end, flaw, visit)?,
            None => Tail::Clean,
        };
        Ok(JournalFile {
            id: self.id,
            path: self.window.path().to_path_buf(),
            len: self.window.len(),
            batches: line.batches,
            last_seqno: line.last_seqno,
            whole_until: line.end,
            tail,
        })
    }

    /// Reads whole batches from `at` on, up to the first that is not.
    fn read_line(
        &mut self,
        at: u64,
        visit: &mut dyn FnMut(&WholeBatch, JournalItem<'_>),
    ) -> Result<Line, ScanDamage> {
        let mut line = Line {
            end: at,
            batches: 0,
            last_seqno: None,
            flaw: None,
        };
        while line.end < self.window.len() {
            let read = read_whole(&mut self.window, line.end);
            match read.map(|batch| (batch, self.course.order_flaw(batch))) {
                Ok((batch, None)) => {
                    self.show(batch, visit)?;
                    line.end = batch.end;
                    line.batches += 1;
                    line.last_seqno = Some(batch.seqno);
                }
                Ok((_, Some(flaw))) | Err(Unread::Flaw(flaw)) => {
                    line.flaw = Some(flaw);
                    break;
                }
                Err(Unread::File(damage)) => return Err(damage),
            }
        }
        Ok(line)
    }

    fn show(
        &mut self,
        span: Span,
        visit: &mut dyn FnMut(&WholeBatch, JournalItem<'_>),
    ) -> Result<(), ScanDamage> {
        let batch = WholeBatch {
            journal: self.id,
            range: span.start..span.end,
            seqno: span.seqno,
            items: span.items,
            standing: self.course.standing,
        };
        let shown = read_items(&mut self.window, span, &mut |item| {
            self.course.cleared |= item.change == Change::Clear;
            visit(&batch, item);
        });
        self.course.last_seqno = Some(span.seqno);
        shown.map_err(|unread| unread.into_damage(&self.window))
    }

    /// Tells torn from damaged, and shows what is whole beyond the damage.
    fn look_beyond(
        &mut self,
        at: u64,
        flaw: Flaw,
        visit: &mut dyn FnMut(&WholeBatch, JournalItem<'_>),
    ) -> Result<Tail, ScanDamage> {
        let mut search = Search::new(&mut self.window, at)?;
        let beyond = search.beyond(&mut self.window, at)?;
        let evidence = match (&beyond, self.later) {
            (Beyond::Zeros, _) => return Ok(Tail::Clean),
            (Beyond::Batch(next), _) => Evidence::WholeBatch {
                at: next.start,
                seqno: next.seqno,
            },
            (Beyond::Rubble { .. } | Beyond::Unsearched, Some(id)) => Evidence::LaterJournal { id },
            (Beyond::Unsearched, None) => Evidence::Unsearched,
            (Beyond::Rubble { end }, None) => {
                return Ok(Tail::Torn {
                    at,
                    bytes: end - at,
                    flaw,
                });
            }
        };
        self.course.standing = Standing::AfterDamage;
        self.read_on(search, beyond, visit)?;
        Ok(Tail::Damaged(Damage { at, flaw, evidence }))
    }

    /// Shows whole batches to the end of the file, however often it is broken.
    fn read_on(
        &mut self,
        mut search: Search,
        mut beyond: Beyond,
        visit: &mut dyn FnMut(&WholeBatch, JournalItem<'_>),
    ) -> Result<(), ScanDamage> {
        while let Beyond::Batch(next) = beyond {
            let line = self.read_line(next.start, visit)?;
            beyond = search.beyond(&mut self.window, line.end)?;
        }
        Ok(())
    }
}

/// Whole batches one after another.
struct Line {
    end: u64,
    batches: u64,
    last_seqno: Option<u64>,
    /// What ended it; `None` at the end of the file.
    flaw: Option<Flaw>,
}
