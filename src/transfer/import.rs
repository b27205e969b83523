//! `POST /v1/import/threads`

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use everlog_domain::access::Privilege;
use everlog_domain::ids::{ItemId, ThreadId};
use everlog_domain::tables::system::threads;
use everlog_domain::threads::{
    AbandonItem, DeleteItem, ItemStatus, OpenItem, PinItem, PostItem, SwitchBranch, ThreadCommand,
    ThreadRefusal,
};
use everlog_domain::value::Value;
use futures_util::stream;
use tokio::sync::mpsc;

use super::imported::{Imported, ItemImport, ThreadImport, first_creation, read};
use super::lines_in::{LineIn, LinesIn, MAX_LINE_BYTES};
use super::report::Report;
use super::sender::{Command, SCOPE, Sender, Settled, ends_it, stopping};
use crate::error::{ApiError, ErrorType};
use crate::http::{Edge, Visitor};
use crate::live::{Place, Places};

/// How often a line of progress is sent.
const EACH: Duration = Duration::from_secs(1);
/// Lines of progress that wait for the client; more are left out.
const WAITING: usize = 4;
/// What is done to items at the end of their thread and is kept until then, at most.
const POSTPONED: usize = 10_000;
/// Why an item was given up that was being written when it was exported.
const GIVEN_UP: &str = "it was being written when it was exported";

/// Takes lines as they come. The answer has the report as its last line.
pub(super) async fn threads(
    State(edge): State<Arc<Edge>>,
    Extension(places): Extension<Places>,
    visitor: Visitor,
    body: Body,
) -> Result<Response, ApiError> {
    visitor.require(SCOPE)?;
    if visitor.caller().privilege != Privilege::Key {
        let message = "only an API key imports: it speaks for the authors of what it brings";
        return Err(ApiError::new(ErrorType::UnauthorizedScope, message));
    }
    let place = places.take(visitor.caller().project, None)?;
    let (answer, lines) = mpsc::channel(WAITING);
    let import = Import::new(&edge, visitor, answer, place);
    // apart from the answer: a client that reads nothing before it has sent all must not stop it
    edge.stopping.tasks.spawn(import.run(LinesIn::of(body)));
    let lines = stream::unfold(lines, async |mut lines| {
        let line: Vec<u8> = lines.recv().await?;
        Some((Ok::<_, Infallible>(Bytes::from(line)), lines))
    });
    let mut response = Body::from_stream(lines).into_response();
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

/// An import under way.
struct Import {
    edge: Arc<Edge>,
    sender: Sender,
    report: Report,
    /// The thread that items go into.
    current: Option<Current>,
    /// Whether the file has said that it is over.
    is_complete: bool,
    answer: mpsc::Sender<Vec<u8>>,
    told: Instant,
    _place: Place,
}

struct Current {
    id: ThreadId,
    line: u64,
    is_taken: bool,
    active: Option<ItemId>,
    /// Whether anything of it is new here.
    is_new: bool,
    /// What is done once all its items are there: others may follow them.
    postponed: Vec<Command>,
}

impl Import {
    fn new(
        edge: &Arc<Edge>,
        visitor: Visitor,
        answer: mpsc::Sender<Vec<u8>>,
        place: Place,
    ) -> Self {
        Self {
            edge: Arc::clone(edge),
            sender: Sender::new(edge, visitor),
            report: Report::default(),
            current: None,
            is_complete: false,
            answer,
            told: Instant::now(),
            _place: place,
        }
    }

    async fn run(mut self, mut lines: LinesIn) {
        let outcome = self.lines(&mut lines).await;
        if let Err(error) = &outcome {
            error.log();
        }
        let is_complete = self.is_complete && outcome.is_ok();
        let last = self.report.last(is_complete, outcome.as_ref().err());
        // whoever has gone needs no report
        let _gone = self.answer.send(last).await;
    }

    async fn lines(&mut self, lines: &mut LinesIn) -> Result<(), ApiError> {
        let stop = self.edge.stopping.begun.clone();
        loop {
            let line = tokio::select! {
                () = stop.cancelled() => return Err(stopping()),
                line = lines.next() => line,
            };
            let cut = |_| ApiError::argument("body", "it ended before it was complete");
            let Some(line) = line.map_err(cut)? else {
                // of a file that was cut, the last thread is finished when it is sent again: items
                // that are to come may follow one that is deleted at the end
                return self.settle_all().await;
            };
            self.line(line).await?;
            self.tell();
        }
    }

    /// Says how far it has come, if the client keeps up.
    fn tell(&mut self) {
        if self.told.elapsed() >= EACH {
            self.told = Instant::now();
            let _full = self.answer.try_send(self.report.progress());
        }
    }

    async fn line(&mut self, line: LineIn) -> Result<(), ApiError> {
        let LineIn { number, bytes } = line;
        self.report.lines = number;
        let Some(bytes) = bytes else {
            let expected = format!("expected at most {MAX_LINE_BYTES} bytes");
            self.report
                .reject(number, &ApiError::argument("line", expected));
            return Ok(());
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        match read(&bytes) {
            Ok(Imported::Thread(thread)) => self.thread(number, *thread).await,
            Ok(Imported::Item(item)) => self.item(number, bytes.len(), *item).await,
            Ok(Imported::Beginning) => {
                self.is_complete = false;
                Ok(())
            }
            Ok(Imported::Receipt) => {
                self.report.skipped.receipts += 1;
                Ok(())
            }
            Ok(Imported::Nothing) => Ok(()),
            Ok(Imported::End) => {
                self.is_complete = true;
                self.finish_thread().await
            }
            Err(error) => {
                self.report.reject(number, &error);
                Ok(())
            }
        }
    }

    /// Begins a thread, or goes on with it if it is here already.
    async fn thread(&mut self, line: u64, thread: ThreadImport) -> Result<(), ApiError> {
        self.finish_thread().await?;
        let ThreadImport {
            command,
            created_at,
            active,
        } = thread;
        let id = command.thread.clone();
        let create = Command {
            line,
            bytes: 0,
            thread: id.clone(),
            command: ThreadCommand::Create(command),
        };
        self.sender.send(create).await?;
        // its items follow only where it is known whose they are
        let outcome = self.sender.settle().await?.map(|settled| settled.outcome);
        let mut current = Current {
            id,
            line,
            is_taken: true,
            active,
            is_new: false,
            postponed: Vec::new(),
        };
        match outcome {
            Some(Err(everlog_actors::Refused::Thread(ThreadRefusal::AlreadyExists))) => {
                if self.is_the_same(&current.id, created_at).await? {
                    self.report.threads.existing += 1;
                } else {
                    current.is_taken = false;
                    let message = "another thread with this id lives here: it is the same only if its $createdAt is";
                    let error = ApiError::new(ErrorType::ThreadAlreadyExists, message);
                    self.report.reject(line, &error);
                }
            }
            Some(Err(refused)) if ends_it(&refused) => return Err(refused.into()),
            Some(Err(refused)) => {
                current.is_taken = false;
                self.report.reject(line, &refused.into());
            }
            Some(Ok(_)) | None => {
                current.is_new = true;
                self.report.threads.accepted += 1;
            }
        }
        self.current = Some(current);
        Ok(())
    }

    /// Whether the thread that has the id was made when the file's was.
    async fn is_the_same(
        &mut self,
        id: &ThreadId,
        created_at: Option<String>,
    ) -> Result<bool, ApiError> {
        let project = self.sender.visitor().caller().project;
        let key = [Value::text(id.as_str())];
        let reads = self.edge.node.reads();
        let row = reads.run(project, move |view, _| {
            view.get(project, threads::TABLE, &key)
        });
        let Some(row) = row.await?? else {
            return Ok(false);
        };
        let metadata = match row.get(threads::METADATA) {
            Some(Value::Json(metadata)) => Some(metadata),
            _ => None,
        };
        let here = first_creation(metadata).or_else(|| {
            let time = row.get(threads::CREATED_AT).and_then(Value::as_time);
            time.map(|time| time.to_string())
        });
        Ok(created_at.is_some() && here == created_at)
    }

    async fn item(&mut self, line: u64, bytes: usize, item: ItemImport) -> Result<(), ApiError> {
        let Some(current) = self
            .current
            .as_mut()
            .filter(|it| it.id.as_str() == item.thread)
        else {
            let expected = "expected the line of its thread before it";
            let error = ApiError::argument("threadId", expected);
            self.report.reject(line, &error);
            return Ok(());
        };
        if !current.is_taken {
            let message = format!("its thread, line {}, was not taken", current.line);
            let error = ApiError::new(ErrorType::ThreadNotFound, message);
            self.report.reject(line, &error);
            return Ok(());
        }
        let ItemImport {
            item,
            status,
            is_pinned,
            reactions,
            ..
        } = item;
        self.report.skipped.reactions += reactions;
        let (id, thread) = (item.id.clone(), current.id.clone());
        let command = |bytes, command| Command {
            line,
            bytes,
            thread: thread.clone(),
            command,
        };
        let post = match status {
            ItemStatus::Finished | ItemStatus::Deleted => ThreadCommand::Post(PostItem { item }),
            ItemStatus::Open | ItemStatus::Abandoned => ThreadCommand::Open(OpenItem { item }),
        };
        if is_pinned {
            let (item, pinned) = (id.clone(), true);
            let pin = ThreadCommand::Pin(PinItem { item, pinned });
            current.postponed.push(command(0, pin));
        }
        let delete = status == ItemStatus::Deleted;
        if delete {
            let delete = ThreadCommand::DeleteItem(DeleteItem { item: id.clone() });
            current.postponed.push(command(0, delete));
        }
        let is_full = current.postponed.len() >= POSTPONED;
        let abandon = matches!(status, ItemStatus::Open | ItemStatus::Abandoned).then(|| {
            let reason = (status == ItemStatus::Open).then(|| GIVEN_UP.to_owned());
            let item = id.clone();
            command(0, ThreadCommand::Abandon(AbandonItem { item, reason }))
        });
        let post = command(bytes, post);
        self.send(post).await?;
        if let Some(abandon) = abandon {
            // what is closed is read from the rows
            self.settle_all().await?;
            self.send(abandon).await?;
        }
        if is_full {
            self.postponed().await?;
        }
        Ok(())
    }

    /// Does what waits for all items of the thread, and waits until all of it is there.
    async fn finish_thread(&mut self) -> Result<(), ApiError> {
        self.postponed().await?;
        self.settle_all().await?;
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        // who has gone on elsewhere meanwhile is not taken back
        if let Some(item) = current.active.filter(|_| current.is_new) {
            self.send(Command {
                line: current.line,
                bytes: 0,
                thread: current.id,
                command: ThreadCommand::Switch(SwitchBranch { item }),
            })
            .await?;
            self.settle_all().await?;
        }
        Ok(())
    }

    async fn postponed(&mut self) -> Result<(), ApiError> {
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        for command in std::mem::take(&mut current.postponed) {
            self.send(command).await?;
        }
        Ok(())
    }

    async fn send(&mut self, command: Command) -> Result<(), ApiError> {
        while self.sender.is_full() {
            self.settle_one().await?;
        }
        for settled in self.sender.send(command).await? {
            self.note(settled)?;
        }
        Ok(())
    }

    async fn settle_all(&mut self) -> Result<(), ApiError> {
        while self.settle_one().await? {}
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<bool, ApiError> {
        let Some(settled) = self.sender.settle().await? else {
            return Ok(false);
        };
        self.note(settled)?;
        Ok(true)
    }

    fn note(&mut self, settled: Settled) -> Result<(), ApiError> {
        use everlog_actors::Refused::Thread;
        let Settled { command, outcome } = settled;
        let makes = matches!(
            command.command,
            ThreadCommand::Post(_) | ThreadCommand::Open(_)
        );
        match outcome {
            Ok(_) if makes => {
                self.report.items.accepted += 1;
                if let Some(current) = &mut self.current {
                    current.is_new = true;
                }
            }
            Ok(_) => {}
            Err(Thread(ThreadRefusal::ItemAlreadyExists)) if makes => {
                self.report.items.existing += 1;
            }
            // an earlier import has done it already
            Err(Thread(ThreadRefusal::ItemNotFound | ThreadRefusal::ItemNotOpen)) if !makes => {}
            Err(refused) if ends_it(&refused) => {
                let line = command.line;
                let error = ApiError::from(refused);
                let message = format!("line {line}: {}", error.body().message);
                return Err(ApiError::new(error.kind(), message));
            }
            Err(refused) => self.report.reject(command.line, &refused.into()),
        }
        Ok(())
    }
}
