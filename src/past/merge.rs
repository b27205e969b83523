//! A list over rows of which some are today's and some were put together: one order, one page.

use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};

use everlog_domain::ids::ProjectNumber;
use everlog_domain::ports::{Page, RowsFailure, RowsView, Visibility};
use everlog_domain::query::{Cursor, Filter, MAX_LIMIT, MAX_PAGE_BYTES, MAX_TOTAL, Query, Total};
use everlog_domain::tables::Ranked;
use everlog_domain::tables::{Row, RowKey, TableSchema};
use everlog_domain::value::Value;

/// Rows of today that are read at once.
const AT_ONCE: u32 = 256;

/// What a list is made of.
pub(super) struct Merged<'a> {
    pub(super) view: &'a dyn RowsView,
    pub(super) project: ProjectNumber,
    pub(super) schema: &'static TableSchema,
    pub(super) query: &'a Query,
    /// Whom today's rows are shown to.
    pub(super) visibility: Visibility<'a>,
    /// What today's rows must meet to have been there; nothing if none was.
    pub(super) today: Option<Vec<Filter>>,
    /// The keys of today's rows that were changed since.
    pub(super) changed: BTreeSet<RowKey>,
    /// Those of them that the caller sees, as they are today: the engine counts them too.
    pub(super) changed_seen: Vec<Row>,
    /// The rows that were put together, as they were. The caller may see them.
    pub(super) then: Vec<Row>,
}

impl Merged<'_> {
    /// The page that the query asks for.
    pub(super) fn page(mut self) -> Result<Page, RowsFailure> {
        let ranked = Ranked::of(self.schema, self.query);
        let start = self.start()?;
        let matches = |row: &Row| self.query.matches(row);
        let mut then: Vec<Row> = std::mem::take(&mut self.then);
        then.retain(matches);
        let total = self.total(then.len())?;
        if let Some(start) = &start {
            then.retain(|row| ranked.compare(row, start.row()).is_gt());
        }
        then.sort_by(|a, b| ranked.compare(a, b));
        let mut today = Today::begin(&self, &ranked, start.as_ref());
        let mut then = then.into_iter().peekable();
        let (mut skip, mut bytes) = (self.query.offset, 0);
        let wanted = usize::try_from(self.query.limit.min(MAX_LIMIT)).unwrap_or(usize::MAX);
        let mut rows: Vec<Row> = Vec::new();
        while rows.len() < wanted {
            let of_then = match (today.peek(&self)?, then.peek()) {
                (None, None) => break,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some(today), Some(then)) => ranked.compare(then, today) == Ordering::Less,
            };
            let row = if of_then { then.next() } else { today.next() };
            let Some(row) = row else { break };
            if skip > 0 {
                skip -= 1;
                continue;
            }
            bytes += row.iter().map(Value::memory_bytes).sum::<usize>();
            if !rows.is_empty() && bytes > MAX_PAGE_BYTES {
                let limit = MAX_PAGE_BYTES;
                return Err(RowsFailure::PageTooLarge { limit });
            }
            rows.push(row);
        }
        if matches!(self.query.cursor, Some(Cursor::Before(_))) {
            rows.reverse();
        }
        Ok(Page { total, rows })
    }

    /// The row that the cursor names, as it was.
    fn start(&self) -> Result<Option<Start>, RowsFailure> {
        let Some(Cursor::After(key) | Cursor::Before(key)) = &self.query.cursor else {
            return Ok(None);
        };
        let named = |row: &&Row| RowKey(self.schema.key_of(row)) == RowKey(key.clone());
        if let Some(row) = self.then.iter().find(named) {
            return Ok(Some(Start::Then(row.clone())));
        }
        let row = match &self.today {
            Some(filters) if !self.changed.contains(&RowKey(key.clone())) => {
                let row = self.view.get(self.project, self.schema.number, key)?;
                let there = |row: &Row| filters.iter().all(|filter| filter.matches(row));
                row.filter(|row| there(row) && self.sees(row))
            }
            _ => None,
        };
        row.map(|row| Some(Start::Today(row)))
            .ok_or(RowsFailure::CursorNotFound)
    }

    fn sees(&self, row: &[Value]) -> bool {
        let Visibility::Roles(roles) = self.visibility else {
            return true;
        };
        let readers = self.schema.readers.and_then(|place| row.get(place));
        let mut readers = readers.map(Value::as_list).unwrap_or_default().iter();
        readers.any(|reader| {
            let text = reader.as_text().unwrap_or_default();
            roles.iter().any(|role| role.to_string() == text)
        })
    }

    /// All that match: today's without the changed ones, and those of then.
    fn total(&self, then: usize) -> Result<u64, RowsFailure> {
        if self.query.total == Total::Skipped {
            return Ok(0);
        }
        let then = u64::try_from(then).unwrap_or(u64::MAX);
        let Some(filters) = &self.today else {
            return Ok(then.min(MAX_TOTAL));
        };
        let query = Query {
            filters: [filters.as_slice(), &self.query.filters].concat(),
            limit: 1,
            select: Some(Vec::new()),
            ..Query::default()
        };
        let matching = self.changed_seen.iter().filter(|row| query.matches(row));
        let matching = u64::try_from(matching.count()).unwrap_or(u64::MAX);
        let counted = self.list(&query)?.total;
        let today = match counted >= MAX_TOTAL && matching > 0 {
            // it stopped counting: those that are not in the answer must not stand for others
            true => self.count_unchanged(query)?,
            false => counted.saturating_sub(matching),
        };
        Ok(today.saturating_add(then).min(MAX_TOTAL))
    }
}

impl Merged<'_> {
    fn list(&self, query: &Query) -> Result<Page, RowsFailure> {
        let table = self.schema.number;
        self.view.list(self.project, table, query, self.visibility)
    }

    /// Counts today's rows one by one, up to the bound, but for those that were changed since.
    fn count_unchanged(&self, query: Query) -> Result<u64, RowsFailure> {
        let mut query = Query {
            limit: MAX_LIMIT,
            total: Total::Skipped,
            ..query
        };
        let mut counted = 0;
        loop {
            let rows = self.list(&query)?.rows;
            let keys = rows.iter().map(|row| self.schema.key_of(row));
            let same = keys.filter(|key| !self.changed.contains(&RowKey(key.clone())));
            counted += u64::try_from(same.count()).unwrap_or(u64::MAX);
            let last = rows.last().map(|row| self.schema.key_of(row));
            let full = rows.len() >= usize::try_from(MAX_LIMIT).unwrap_or(usize::MAX);
            match last.filter(|_| full && counted < MAX_TOTAL) {
                Some(key) => query.cursor = Some(Cursor::After(key)),
                None => return Ok(counted.min(MAX_TOTAL)),
            }
        }
    }
}

/// The row after which the page begins.
enum Start {
    /// It is as it was: the engine finds its place.
    Today(Row),
    /// It was put together, and stands elsewhere today.
    Then(Row),
}

impl Start {
    const fn row(&self) -> &Row {
        match self {
            Self::Today(row) | Self::Then(row) => row,
        }
    }
}

/// Today's rows that were not changed since, in the order of the page.
struct Today {
    /// What to ask next; nothing after the end.
    query: Option<Query>,
    read: VecDeque<Row>,
}

impl Today {
    fn begin(merged: &Merged<'_>, ranked: &Ranked, start: Option<&Start>) -> Self {
        let query = merged.today.as_ref().map(|filters| {
            let mut query = Query {
                filters: [filters.as_slice(), &merged.query.filters].concat(),
                order: merged.query.order.clone(),
                limit: AT_ONCE.min(merged.query.limit.saturating_add(8)),
                total: Total::Skipped,
                ..Query::default()
            };
            if matches!(merged.query.cursor, Some(Cursor::Before(_))) {
                query.order = ranked.order();
            }
            match start {
                Some(Start::Today(row)) => {
                    query.cursor = Some(Cursor::After(merged.schema.key_of(row)));
                }
                Some(Start::Then(row)) => query.filters.push(ranked.after(row)),
                None => {}
            }
            query
        });
        Self {
            query,
            read: VecDeque::new(),
        }
    }

    fn peek(&mut self, merged: &Merged<'_>) -> Result<Option<&Row>, RowsFailure> {
        while self.read.is_empty() {
            let Some(query) = &mut self.query else {
                return Ok(None);
            };
            let rows = match merged.list(query) {
                Err(RowsFailure::PageTooLarge { .. }) if query.limit > 1 => {
                    query.limit /= 4;
                    query.limit = query.limit.max(1);
                    continue;
                }
                page => page?.rows,
            };
            let key = rows.last().map(|row| merged.schema.key_of(row));
            let full = rows.len() >= usize::try_from(query.limit).unwrap_or(usize::MAX);
            match key.filter(|_| full) {
                Some(key) => query.cursor = Some(Cursor::After(key)),
                None => self.query = None,
            }
            let same = |row: &Row| !merged.changed.contains(&RowKey(merged.schema.key_of(row)));
            self.read.extend(rows.into_iter().filter(same));
        }
        Ok(self.read.front())
    }

    fn next(&mut self) -> Option<Row> {
        self.read.pop_front()
    }
}
