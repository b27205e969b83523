//! What a batch changes.

use std::sync::Arc;

use everlog_domain::event::Recorded;
use everlog_domain::ids::ProjectNumber;
use everlog_domain::log::{Manifest, ProjectHead};
use everlog_domain::ports::{Projected, RowDelta, RowsFailure, StreamEntry};
use everlog_domain::tables::{Row, RowChange, RowPlace, TableSchema, Uniqueness};
use everlog_domain::value::Value;

use super::{Key, State, engine, schema};

impl State {
    pub(super) fn project(
        &mut self,
        manifest: &Manifest,
        events: &[Arc<Recorded>],
    ) -> Result<Vec<Projected>, RowsFailure> {
        if manifest.commit <= self.commit {
            return Ok(Vec::new());
        }
        if manifest.commit != self.commit.next() {
            let (found, reached) = (manifest.commit, self.commit);
            return Err(engine(format!(
                "commit {found} cannot follow commit {reached}"
            )));
        }
        self.check(manifest, events)?;
        let projected = events.iter().map(|event| self.apply(event)).collect();
        self.commit = manifest.commit;
        self.move_heads(manifest);
        self.forget_old_scopes(events);
        projected
    }

    fn check(&self, manifest: &Manifest, events: &[Arc<Recorded>]) -> Result<(), RowsFailure> {
        for entry in &manifest.entries {
            let before = self
                .heads
                .get(&entry.project)
                .map_or(0, |head| head.offset.0);
            let offsets = events.iter().map(|event| &event.envelope);
            let offsets = offsets.filter(|envelope| envelope.project == entry.project);
            let found: Vec<u64> = offsets.map(|envelope| envelope.offset.0).collect();
            let expected: Vec<u64> = (entry.first.0..=entry.last.0).collect();
            if found != expected || entry.first.0 != before + 1 {
                let project = entry.project;
                return Err(engine(format!(
                    "project {project}: expected offsets {expected:?} after {before}, found {found:?}"
                )));
            }
        }
        let entries = &manifest.entries;
        let listed = |event: &Arc<Recorded>| {
            let project = event.envelope.project;
            entries.iter().any(|entry| entry.project == project)
        };
        if !events.iter().all(listed) {
            return Err(engine("an event's project is not in the manifest"));
        }
        Ok(())
    }

    fn apply(&mut self, recorded: &Arc<Recorded>) -> Result<Projected, RowsFailure> {
        let envelope = &recorded.envelope;
        let project = envelope.project;
        let mut deltas = Vec::new();
        for change in recorded.row_changes() {
            deltas.extend(self.change(project, change)?);
        }
        let key = (
            project,
            envelope.stream.clone(),
            envelope.incarnation,
            envelope.position,
        );
        let entry = StreamEntry {
            position: envelope.position,
            offset: envelope.offset,
            kind: envelope.kind,
        };
        self.streams.insert_mut(key, entry);
        if let Some(wish) = envelope.idempotency {
            let key = (project, envelope.time.day(), wish.scope);
            if !self.scopes.contains_key(&key) {
                self.scopes.insert_mut(key, (envelope.offset, wish.body));
            }
        }
        let old = self.heads.get(&project).copied();
        let mut head = old.unwrap_or_else(|| ProjectHead::empty(envelope.uid));
        head.time = envelope.time;
        head.offset = envelope.offset;
        head.move_epochs(envelope.kind);
        self.heads.insert_mut(project, head);
        Ok(Projected {
            recorded: Arc::clone(recorded),
            deltas,
        })
    }

    fn move_heads(&mut self, manifest: &Manifest) {
        for entry in &manifest.entries {
            let old = self.heads.get(&entry.project).copied();
            let head = ProjectHead {
                uid: entry.uid,
                offset: entry.last,
                hash: entry.head,
                ..old.unwrap_or_else(|| ProjectHead::empty(entry.uid))
            };
            self.heads.insert_mut(entry.project, head);
        }
    }

    /// Today and yesterday stay, by the clock of the log.
    fn forget_old_scopes(&mut self, events: &[Arc<Recorded>]) {
        let Some(today) = events.iter().map(|event| event.envelope.time.day()).max() else {
            return;
        };
        let all = self.scopes.keys().copied();
        let old: Vec<_> = all.filter(|(_, day, _)| *day < today - 1).collect();
        for key in old {
            self.scopes.remove_mut(&key);
        }
    }

    fn change(
        &mut self,
        project: ProjectNumber,
        change: RowChange,
    ) -> Result<Option<RowDelta>, RowsFailure> {
        match change {
            RowChange::Insert { table, row } => {
                let schema = schema(table)?;
                let key = schema.key_of(&row);
                // The first row stays: what is in the log has happened, and is no refusal here.
                if self.rows.contains_key(&(project, table, Key(key.clone()))) {
                    return Ok(None);
                }
                Ok(self.put(project, schema, key, None, Some(row)))
            }
            RowChange::Update { table, key, set } => {
                let schema = schema(table)?;
                let old = self.rows.get(&(project, table, Key(key.clone()))).cloned();
                let Some(old) = old else { return Ok(None) };
                let mut row = old.clone();
                for (place, value) in set {
                    row[place] = value;
                }
                Ok(self.put(project, schema, key, Some(old), Some(row)))
            }
            RowChange::Delete { table, key } => {
                let schema = schema(table)?;
                let old = self.rows.get(&(project, table, Key(key.clone()))).cloned();
                Ok(self.put(project, schema, key, old, None))
            }
            RowChange::Purge {
                table,
                prefix,
                unless,
            } => {
                if unless.is_some_and(|place| self.has(project, &place)) {
                    return Ok(None);
                }
                let schema = schema(table)?;
                let rows = self.rows_under(project, table, prefix);
                let gone: Vec<Row> = rows.map(|(_, row)| row.clone()).collect();
                for row in gone {
                    self.put(project, schema, schema.key_of(&row), Some(row), None);
                }
                Ok(None)
            }
            RowChange::Keep {
                table,
                key,
                versions,
                last,
                only_with,
            } => {
                let row = self.rows.get(&(project, table, Key(key)));
                let Some(row) = row.filter(|_| self.has(project, &only_with)) else {
                    return Ok(None);
                };
                let mut row = row.clone();
                row.push(last);
                let table = versions;
                self.change(project, RowChange::Insert { table, row })
            }
        }
    }

    fn has(&self, project: ProjectNumber, place: &RowPlace) -> bool {
        let key = (project, place.table, Key(place.key.clone()));
        self.rows.contains_key(&key)
    }

    fn put(
        &mut self,
        project: ProjectNumber,
        schema: &TableSchema,
        key: Vec<Value>,
        before: Option<Row>,
        after: Option<Row>,
    ) -> Option<RowDelta> {
        let table = schema.number;
        let key = Key(key);
        let old = before
            .as_ref()
            .map(|row| index_values(schema, row))
            .unwrap_or_default();
        let new = after
            .as_ref()
            .map(|row| index_values(schema, row))
            .unwrap_or_default();
        for (number, values) in old.iter().filter(|entry| !new.contains(entry)) {
            self.let_go(project, schema, *number, values, &key);
        }
        for (number, values) in new.into_iter().filter(|entry| !old.contains(entry)) {
            self.take(project, schema, number, values, &key);
        }
        match &after {
            Some(row) => self.rows.insert_mut((project, table, key), row.clone()),
            None => {
                self.rows.remove_mut(&(project, table, key));
            }
        }
        let changed = schema.readers.is_some() && before != after;
        changed.then(|| RowDelta {
            table,
            before: before.map(Arc::new),
            after: after.map(Arc::new),
        })
    }

    fn let_go(
        &mut self,
        project: ProjectNumber,
        schema: &TableSchema,
        number: u16,
        values: &Key,
        key: &Key,
    ) {
        let gone = match uniqueness(schema, number) {
            Uniqueness::Shared | Uniqueness::Unique => vec![key.clone()],
            Uniqueness::Decided => self.holders(project, schema, number, values),
        };
        for holder in gone {
            let entry = (project, schema.number, number, values.clone(), holder);
            self.indexes.remove_mut(&entry);
        }
    }

    /// The first row with a unique key keeps it until it goes or takes another; later ones are put
    /// without the entry. Where it was decided that there is one, the last one takes it.
    fn take(
        &mut self,
        project: ProjectNumber,
        schema: &TableSchema,
        number: u16,
        values: Key,
        key: &Key,
    ) {
        let uniqueness = uniqueness(schema, number);
        if uniqueness == Uniqueness::Decided {
            self.let_go(project, schema, number, &values, key);
        }
        let holders = self.holders(project, schema, number, &values);
        if uniqueness == Uniqueness::Shared || holders.is_empty() {
            let entry = (project, schema.number, number, values, key.clone());
            self.indexes.insert_mut(entry, ());
        }
    }

    fn holders(
        &self,
        project: ProjectNumber,
        schema: &TableSchema,
        number: u16,
        values: &Key,
    ) -> Vec<Key> {
        let found = self.found(project, schema.number, number, values);
        found.cloned().collect()
    }
}

fn uniqueness(schema: &TableSchema, number: u16) -> Uniqueness {
    let mut indexes = schema.indexes.iter();
    let index = indexes.find(|index| index.number == number);
    index.map_or(Uniqueness::Shared, |index| index.uniqueness)
}

/// What the indexes hold of a row: nothing where the first column is null.
fn index_values(schema: &TableSchema, row: &[Value]) -> Vec<(u16, Key)> {
    let indexes = schema.indexes.iter();
    let values = indexes.map(|index| {
        let cells = index.columns.iter().map(|(column, _)| row[*column].clone());
        (index.number, Key(cells.collect()))
    });
    values
        .filter(|(_, values)| !values.0[0].is_null())
        .collect()
}
