//! Lists.
//!
//! A plan names keys that cover the answer; every row on the way is put to the query's filters
//! and to its own list of readers, whatever the plan. Where the keys lie in the query's order,
//! reading stops at the end of the page; otherwise the best rows are kept and sorted.
//!
//! For a caller with roles there are two ways: the order's own index, which passes many rows that
//! the caller may not see, or the postings of the roles, which have to be sorted. Few postings
//! are sorted; many are a sign that the index will soon fill the page, and if it does not, the
//! postings are sorted after all.

use std::cell::Cell;
use std::collections::BTreeSet;

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{Page, RowsFailure, Visibility};
use everlog_domain::query::{Filter, MAX_LIMIT, MAX_PAGE_BYTES, MAX_TOTAL, Query, Total};
use everlog_domain::tables::{Index, Row, TableSchema};
use everlog_domain::value::Value;

use super::best::Best;
use super::cursor::{self, Side};
use super::order::{Ranking, Travel};
use super::overlay::decode;
use super::plan::{Path, Plan, Planner};
use super::row_bytes::StoredRow;
use super::snapshot::Snapshot;
use super::store::damaged;
use super::walk::{Passed, walk};

/// Answers a list.
pub(super) fn list(
    snapshot: &Snapshot,
    project: ProjectNumber,
    schema: &'static TableSchema,
    query: &Query,
    visibility: Visibility<'_>,
) -> Result<Page, RowsFailure> {
    let ranking = Ranking::of(schema, query);
    let leaves_out = |index: &Index| snapshot.leaves_out(project, schema, index);
    let listing = Listing {
        snapshot,
        query,
        planner: Planner::new(project, schema, query, &ranking, &leaves_out),
        readers: match visibility {
            Visibility::All => None,
            Visibility::Roles(roles) => Some(roles.iter().map(ToString::to_string).collect()),
        },
        no_roles: BTreeSet::new(),
        needed: needed(schema, query, &ranking),
        looked_at: Cell::new(0),
        limit: Cell::new(snapshot.bounds.looked_at),
        bytes: Cell::new(0),
    };
    listing.page()
}

/// The columns that decide whether a row is in the answer, and where.
fn needed(schema: &TableSchema, query: &Query, ranking: &Ranking) -> Vec<usize> {
    let mut places: BTreeSet<usize> = ranking.columns().chain(schema.readers).collect();
    filtered(&query.filters, &mut places);
    places.retain(|place| *place < schema.columns.len());
    places.into_iter().collect()
}

fn filtered(filters: &[Filter], places: &mut BTreeSet<usize>) {
    for filter in filters {
        match filter {
            Filter::And(filters) | Filter::Or(filters) => filtered(filters, places),
            Filter::Compare { column, .. } => {
                places.insert(*column);
            }
        }
    }
}

/// A row of the answer.
struct Found {
    row_key: Vec<u8>,
    /// Only the needed cells.
    cells: Row,
}

struct Listing<'a> {
    snapshot: &'a Snapshot,
    query: &'a Query,
    planner: Planner<'a>,
    /// The caller's roles; nothing if the caller may see every row.
    readers: Option<BTreeSet<String>>,
    no_roles: BTreeSet<String>,
    needed: Vec<usize>,
    looked_at: Cell<u64>,
    limit: Cell<u64>,
    /// Of the page's rows, in memory.
    bytes: Cell<usize>,
}

impl Listing<'_> {
    fn page(&self) -> Result<Page, RowsFailure> {
        if self.readers.is_some() && self.planner.schema.readers.is_none() {
            // Such a table is authorised by its container; to roles alone it shows nothing.
            return self.nothing();
        }
        let cursor = cursor::side(self.query.cursor.as_ref(), |key| self.named(key))?;
        let plan = self.choose()?;
        let usable = cursor
            .as_ref()
            .is_none_or(|side| self.planner.agrees(side.row()));
        match plan.in_order.filter(|_| usable) {
            Some(travel) => self.ordered(&plan, travel, cursor.as_ref()),
            None => self.sorted(&plan, cursor.as_ref()),
        }
    }

    fn nothing(&self) -> Result<Page, RowsFailure> {
        match self.query.cursor {
            Some(_) => Err(RowsFailure::CursorNotFound),
            None => Ok(Page {
                total: 0,
                rows: Vec::new(),
            }),
        }
    }

    /// The row that a cursor names. One that the caller may not see is as good as none: its id must
    /// not be confirmed.
    fn named(&self, key: &[Value]) -> Result<Option<Row>, RowsFailure> {
        let (project, schema) = (self.planner.project, self.planner.schema);
        let row = self.snapshot.row(project, schema.number, key)?;
        Ok(row.filter(|row| self.sees(row)))
    }

    fn choose(&self) -> Result<Plan<'static>, RowsFailure> {
        let narrowest = self.planner.narrowest()?;
        if self.readers.is_none() || narrowest.fixed > 0 {
            return Ok(narrowest);
        }
        let postings = self.planner.postings();
        if narrowest.in_order.is_none() || postings.in_order.is_some() {
            return Ok(postings);
        }
        let mut steps = self.walk(&postings, Travel::Forwards);
        let many = steps
            .nth(self.snapshot.bounds.few_postings)
            .transpose()?
            .is_some();
        Ok(if many { narrowest } else { postings })
    }

    /// Reads until the page is full.
    fn ordered(
        &self,
        plan: &Plan<'static>,
        travel: Travel,
        cursor: Option<&Side>,
    ) -> Result<Page, RowsFailure> {
        let limit = self.limit.get();
        let may_sort_postings = self.readers.is_some() && !matches!(plan.path, Path::Postings);
        if may_sort_postings && plan.fixed == 0 {
            self.limit.set(limit.min(self.snapshot.bounds.patience));
        }
        let found = self.read_ordered(plan, travel, cursor);
        self.limit.set(limit);
        match found {
            Err(RowsFailure::TooExpensive { .. }) if self.looked_at.get() < limit => {
                self.bytes.set(0);
                self.sorted(&self.planner.postings(), cursor)
            }
            Err(failure) => Err(failure),
            Ok(rows) => Ok(Page {
                total: self.count()?,
                rows,
            }),
        }
    }

    fn read_ordered(
        &self,
        plan: &Plan<'static>,
        travel: Travel,
        cursor: Option<&Side>,
    ) -> Result<Vec<Row>, RowsFailure> {
        let plan = match cursor {
            Some(side) => cursor::narrow(&self.planner, plan, travel, side),
            None => plan.clone(),
        };
        let backwards = matches!(cursor, Some(Side::Before(_)));
        let travel = if backwards { travel.turned() } else { travel };
        let mut skip = self.query.offset;
        let mut rows = Vec::new();
        for passed in self.walk(&plan, travel) {
            if rows.len() == self.wanted() {
                break;
            }
            if let Some(found) = self.look(passed?)? {
                if skip == 0 {
                    rows.push(self.whole(&found)?);
                } else {
                    skip -= 1;
                }
            }
        }
        if backwards {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Looks at all rows of the plan, and keeps the best.
    fn sorted(&self, plan: &Plan<'static>, cursor: Option<&Side>) -> Result<Page, RowsFailure> {
        let ranking = self.planner.ranking;
        let backwards = matches!(cursor, Some(Side::Before(_)));
        let skip = self.query.offset as usize;
        let mut best = Best::new(skip + self.wanted(), |a: &Found, b: &Found| {
            let order = ranking.compare(&a.cells, &b.cells);
            if backwards { order.reverse() } else { order }
        });
        let mut total = 0;
        for passed in self.walk(plan, Travel::Forwards) {
            if let Some(found) = self.look(passed?)? {
                total += 1;
                if cursor.is_none_or(|side| side.admits(ranking, &found.cells)) {
                    best.offer(found);
                }
            }
        }
        let kept = best.sorted().into_iter().skip(skip);
        let rows: Result<Vec<Row>, _> = kept.map(|found| self.whole(&found)).collect();
        let mut rows = rows?;
        if backwards {
            rows.reverse();
        }
        let total = match self.query.total {
            Total::Counted => MAX_TOTAL.min(total),
            Total::Skipped => 0,
        };
        Ok(Page { total, rows })
    }

    /// Rows that match, wherever the page is.
    fn count(&self) -> Result<u64, RowsFailure> {
        if self.query.total == Total::Skipped {
            return Ok(0);
        }
        let narrowest = self.planner.narrowest()?;
        let plan = if self.readers.is_some() && narrowest.fixed == 0 {
            self.planner.postings()
        } else {
            narrowest
        };
        // Where keys alone decide, the rows are not read.
        let by_keys = match plan.path {
            Path::Postings => true,
            Path::Primary | Path::Index(_) => self.readers.is_none(),
        };
        let by_keys = by_keys && self.query.filters.is_empty();
        let mut total = 0;
        for passed in self.walk(&plan, Travel::Forwards) {
            let passed = passed?;
            let counts = if by_keys {
                !self.snapshot.purges.cover(&passed.row_key)
            } else {
                self.look(passed)?.is_some()
            };
            total += u64::from(counts);
            if total == MAX_TOTAL {
                break;
            }
        }
        Ok(total)
    }

    fn wanted(&self) -> usize {
        self.query.limit.min(MAX_LIMIT) as usize
    }

    fn walk(
        &self,
        plan: &Plan<'static>,
        travel: Travel,
    ) -> Box<dyn Iterator<Item = Result<Passed, RowsFailure>> + '_> {
        let roles = self.readers.as_ref().unwrap_or(&self.no_roles);
        let (project, schema) = (self.planner.project, self.planner.schema);
        walk(&self.snapshot.reader, project, schema, roles, plan, travel)
    }

    /// Whether a row is in the answer.
    fn look(&self, passed: Passed) -> Result<Option<Found>, RowsFailure> {
        if self.snapshot.purges.cover(&passed.row_key) {
            return Ok(None);
        }
        self.spend()?;
        let Passed { row_key, bytes } = passed;
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => {
                let bytes = self.snapshot.reader.get(&row_key)?;
                bytes
                    .ok_or_else(|| damaged(&row_key, "an index leads to a row that is not there"))?
            }
        };
        let cells = StoredRow::new(&bytes).and_then(|row| row.partly(&self.needed));
        let cells = cells.ok_or_else(|| damaged(&row_key, "the bytes are not a row"))?;
        let answers = self.sees(&cells) && self.query.matches(&cells);
        Ok(answers.then_some(Found { row_key, cells }))
    }

    fn spend(&self) -> Result<(), RowsFailure> {
        let looked_at = self.looked_at.get() + 1;
        self.looked_at.set(looked_at);
        let limit = self.limit.get();
        if looked_at > limit {
            return Err(RowsFailure::TooExpensive { looked_at, limit });
        }
        Ok(())
    }

    /// Whether the caller may see a row, by the row itself: postings only lead the way.
    fn sees(&self, row: &[Value]) -> bool {
        let Some(roles) = &self.readers else {
            return true;
        };
        let readers = self.planner.schema.readers.and_then(|place| row.get(place));
        let readers = readers.map(Value::as_list).unwrap_or_default();
        let mut readers = readers.iter().filter_map(Value::as_text);
        readers.any(|reader| roles.contains(reader))
    }

    /// A row of the page, which must not grow without a bound. The first always fits.
    fn whole(&self, found: &Found) -> Result<Row, RowsFailure> {
        let row = self.read(found)?;
        let own: usize = row.iter().map(Value::memory_bytes).sum();
        let before = self.bytes.replace(self.bytes.get() + own);
        if before > 0 && self.bytes.get() > MAX_PAGE_BYTES {
            let limit = MAX_PAGE_BYTES;
            return Err(RowsFailure::PageTooLarge { limit });
        }
        Ok(row)
    }

    /// The row with the cells that were asked for; the others are null, but for those of the
    /// primary key.
    fn read(&self, found: &Found) -> Result<Row, RowsFailure> {
        let row_key = &found.row_key;
        let bytes = self.snapshot.reader.get(row_key)?;
        let bytes = bytes.ok_or_else(|| damaged(row_key, "the row is not there"))?;
        let Some(wanted) = &self.query.select else {
            return decode(row_key, &bytes);
        };
        let key = self.planner.schema.key.iter();
        let places: Vec<usize> = key.chain(wanted).copied().collect();
        let row = StoredRow::new(&bytes).and_then(|row| row.partly(&places));
        row.ok_or_else(|| damaged(row_key, "the bytes are not a row"))
    }
}
