//! One kind, followed for ever: listed, watched, and after whatever goes wrong taken up again
//! where it ended, or from the start.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Client;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, mpsc};

use super::definition;
use super::item::{Item, Reader};
use super::kinds::{DEFINITION, Kind, Presence};
use super::pace::Pace;
use super::request::{Extent, Lines, Target};
use super::trouble::Trouble;
use crate::batch::SourceFault;

/// A stream that lasted so long was none that the server refuses at once.
const LASTING: Duration = Duration::from_secs(1);
/// What passes by itself, such as a kind that is defined and not served yet, is a fault only if it
/// takes so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells feeds apart, also those of the same kind.
pub(super) type FeedId = u64;

/// What a feed tells.
#[derive(Debug)]
pub(super) struct News {
    /// Which feed.
    pub feed: FeedId,
    /// What.
    pub word: Word,
}

/// What a feed tells.
#[derive(Debug)]
pub(super) enum Word {
    /// From here on, all that there is comes.
    Begin,
    /// What there is, or has changed.
    Items(Vec<Item>),
    /// Since the beginning, all that there is has come: what has not is gone.
    Complete,
    /// The kind is not served: there is nothing.
    Absent,
    /// What keeps the feed from following, or nothing any more.
    Trouble(Option<SourceFault>),
}

/// What a feed needs.
#[derive(Clone)]
pub(super) struct Means {
    /// Who is asked.
    pub client: Client,
    /// How fast one tries again.
    pub pace: Pace,
    /// Where news go.
    pub news: mpsc::Sender<News>,
}

/// How everything that there is comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    /// As the beginning of a watch.
    Streaming,
    /// Page by page.
    Paged,
}

/// How an attempt ended that did not fail.
enum End {
    /// The server ended it.
    Over,
    /// It is to start from the beginning.
    Again,
    /// The kind is not served.
    Absent,
}

/// Follows one kind.
pub(super) struct Feed {
    id: FeedId,
    means: Means,
    reader: Reader,
    kind: &'static Kind,
    extent: Extent,
    again: Arc<Notify>,
    /// The version that is asked for, as soon as it is known.
    version: Option<String>,
    listing: Listing,
    /// Up to where everything has been told; `None` before and while everything is being told.
    position: Option<String>,
    /// Attempts that came to nothing, in a row.
    failures: u32,
    /// Since when they fail for a reason that may pass by itself.
    waiting: Option<Instant>,
    /// What is wrong, as last told.
    told: Option<SourceFault>,
}

impl Feed {
    /// Nothing is known yet. `again` makes it start from the beginning.
    pub fn new(
        (id, means): (FeedId, Means),
        reader: Reader,
        kind: &'static Kind,
        extent: Extent,
        again: Arc<Notify>,
    ) -> Self {
        Self {
            id,
            means,
            reader,
            kind,
            extent,
            again,
            version: None,
            listing: Listing::Streaming,
            position: None,
            failures: 0,
            waiting: None,
            told: None,
        }
    }

    /// Follows for ever; ends when nobody listens any more.
    pub async fn run(mut self) {
        while !self.means.news.is_closed() {
            self.attempt().await;
        }
    }

    /// Follows until that fails, and waits as long as it is due.
    async fn attempt(&mut self) {
        let begun = Instant::now();
        let outcome = self.follow().await;
        if begun.elapsed() >= LASTING {
            self.failures = 0;
        }
        self.failures += 1;
        let is_absent = matches!(outcome, Ok(End::Absent));
        match outcome {
            // Watches end all the time; only those that end at once are a reason to wait.
            Ok(End::Over) if self.failures == 1 => return,
            Ok(End::Again) => self.failures = 0,
            Ok(End::Over | End::Absent) => {}
            Err(trouble) => self.fail(trouble).await,
        }
        if self.failures > 0 {
            let again = self.again.clone();
            tokio::select! {
                () = tokio::time::sleep(self.means.pace.wait(self.failures)) => {}
                () = again.notified(), if is_absent => self.failures = 0,
            }
        }
    }

    /// Decides how to go on, and whether anybody has to know.
    async fn fail(&mut self, trouble: Trouble) {
        tracing::debug!(kind = self.kind.kind, ?trouble, "watch failed");
        let was_listing = self.position.is_none();
        let waiting = *self.waiting.get_or_insert_with(Instant::now);
        let is_too_long = waiting.elapsed() > PATIENCE;
        let is_resolving = self.version.is_none() && self.kind.presence == Presence::Defined;
        let is_fault = match trouble {
            Trouble::Unreachable(_)
            | Trouble::Unauthorized(_)
            | Trouble::Forbidden(_)
            | Trouble::Refused(_) => true,
            Trouble::Unreadable(_) => {
                self.position = None;
                true
            }
            Trouble::Busy(_) => is_too_long,
            Trouble::NotServed => {
                self.position = None;
                self.version = None;
                self.kind.presence == Presence::BuiltIn || is_too_long
            }
            Trouble::Expired => {
                self.position = None;
                was_listing && is_too_long
            }
            Trouble::NotUnderstood(_) => {
                self.position = None;
                let was_streaming = was_listing && self.listing == Listing::Streaming;
                self.listing = Listing::Paged;
                !was_streaming
            }
        };
        let is_over_at_once = match trouble {
            Trouble::Expired => !was_listing,
            Trouble::NotUnderstood(_) => !is_fault,
            _ => false,
        };
        if is_over_at_once {
            self.failures = 0;
        }
        if is_fault {
            let kind = if is_resolving { &DEFINITION } else { self.kind };
            self.tell_trouble(Some(trouble.fault(kind))).await;
        }
    }

    async fn follow(&mut self) -> Result<End, Trouble> {
        let Some(target) = self.target().await? else {
            self.tell_trouble(None).await;
            self.tell(Word::Absent).await;
            self.waiting = None;
            return Ok(End::Absent);
        };
        if self.position.is_none() && self.listing == Listing::Paged {
            self.list(&target).await?;
        }
        let client = self.means.client.clone();
        match &self.position {
            Some(position) => {
                let lines = target.resume(&client, position).await?;
                self.waiting = None;
                self.tell_trouble(None).await;
                self.pump(&target, lines).await
            }
            None => {
                let lines = target.stream(&client).await?;
                self.tell(Word::Begin).await;
                let outcome = self.pump(&target, lines).await;
                // The server, or somebody before it, may not know how to stream.
                if self.position.is_none() {
                    self.listing = Listing::Paged;
                }
                outcome
            }
        }
    }

    /// What is asked for; `None` while it is not served.
    async fn target(&mut self) -> Result<Option<Target>, Trouble> {
        if self.version.is_none() {
            self.version = match self.kind.presence {
                Presence::BuiltIn => self.kind.versions.first().map(|first| (*first).to_owned()),
                Presence::Defined => definition::resolve(&self.means.client, self.kind).await?,
            };
        }
        Ok(self.version.clone().map(|version| Target {
            kind: self.kind,
            version,
            extent: self.extent.clone(),
        }))
    }

    /// Tells all that there is, page by page.
    async fn list(&mut self, target: &Target) -> Result<(), Trouble> {
        let client = self.means.client.clone();
        let mut next = String::new();
        // That of the first page: should later ones tell of a later time, what happened since the
        // first is told again.
        let mut position = None;
        self.tell(Word::Begin).await;
        loop {
            let page = target.list(&client, &next).await?;
            let page: Page = serde_json::from_slice(&page)
                .map_err(|error| Trouble::Unreadable(error.to_string()))?;
            let items = page.items.into_iter().flatten();
            let items: Result<Vec<_>, _> = items
                .map(|item| Ok(self.reader.put(target, item.get())?.item))
                .collect();
            self.tell(Word::Items(items?)).await;
            position.get_or_insert_with(|| page.metadata.version.into_owned());
            next = page.metadata.next.into_owned();
            if next.is_empty() {
                self.position = position;
                self.complete().await;
                return Ok(());
            }
        }
    }

    /// Tells what a watch says, until it ends.
    async fn pump(&mut self, target: &Target, mut lines: Lines) -> Result<End, Trouble> {
        let again = self.again.clone();
        loop {
            let next = tokio::select! {
                biased;
                // What is coming already comes to its end first.
                () = again.notified(), if self.position.is_some() => {
                    self.position = None;
                    return Ok(End::Again);
                }
                next = lines.next() => next,
            };
            let block = match next {
                Ok(Some(block)) => block,
                // A connection that breaks is no fault unless no other can be had.
                Ok(None) | Err(Trouble::Unreachable(_)) => return Ok(End::Over),
                Err(trouble) => return Err(trouble),
            };
            let mut items = Vec::new();
            let mut position = None;
            let mut outcome = Ok(());
            for line in block.split(|byte| *byte == b'\n') {
                match self.event(target, line) {
                    Ok(Heard::Nothing) => continue,
                    Ok(Heard::Item(item, at)) => {
                        items.push(item);
                        position = Some(at).filter(|at| !at.is_empty()).or(position);
                    }
                    Ok(Heard::Position(at)) => position = Some(at),
                    Ok(Heard::All(at)) => {
                        self.tell(Word::Items(std::mem::take(&mut items))).await;
                        self.position = Some(at);
                        self.complete().await;
                    }
                    Err(trouble) => {
                        outcome = Err(trouble);
                        break;
                    }
                }
            }
            if !items.is_empty() {
                self.tell(Word::Items(items)).await;
            }
            if let (Some(told), Some(position)) = (&mut self.position, position) {
                *told = position;
            }
            outcome?;
        }
    }

    fn event(&self, target: &Target, line: &[u8]) -> Result<Heard, Trouble> {
        if line.is_empty() {
            return Ok(Heard::Nothing);
        }
        let unreadable = |error: serde_json::Error| Trouble::Unreadable(error.to_string());
        let Event { word, object } = serde_json::from_slice(line).map_err(unreadable)?;
        let object = object.get();
        let arrival = match &*word {
            "ADDED" | "MODIFIED" => self.reader.put(target, object)?,
            "DELETED" => self.reader.gone(object)?,
            "BOOKMARK" => {
                let Bookmark { metadata } = serde_json::from_str(object).map_err(unreadable)?;
                let Mark {
                    version,
                    annotations,
                } = metadata;
                let at = version.into_owned();
                return Ok(if annotations.is_end {
                    Heard::All(at)
                } else {
                    Heard::Position(at)
                });
            }
            "ERROR" => return Err(Trouble::of_event(object)),
            other => return Err(Trouble::Unreadable(format!("unknown event {other:?}"))),
        };
        Ok(Heard::Item(arrival.item, arrival.position))
    }

    async fn complete(&mut self) {
        self.tell(Word::Complete).await;
        self.tell_trouble(None).await;
        self.failures = 0;
        self.waiting = None;
    }

    async fn tell_trouble(&mut self, fault: Option<SourceFault>) {
        if fault != self.told {
            self.told.clone_from(&fault);
            self.tell(Word::Trouble(fault)).await;
        }
    }

    async fn tell(&self, word: Word) {
        let news = News {
            feed: self.id,
            word,
        };
        // If nobody listens any more, the feed ends anyway.
        let _ = self.means.news.send(news).await;
    }
}

/// What an event of a watch says.
enum Heard {
    Nothing,
    Item(Item, String),
    /// Nothing has happened up to here.
    Position(String),
    /// All that there is has come.
    All(String),
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    word: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Bookmark<'a> {
    #[serde(borrow)]
    metadata: Mark<'a>,
}

#[derive(Deserialize)]
struct Mark<'a> {
    #[serde(rename = "resourceVersion", borrow)]
    version: Cow<'a, str>,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(
        rename = "k8s.io/initial-events-end",
        default,
        deserialize_with = "is_true"
    )]
    is_end: bool,
}

fn is_true<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Cow::<str>::deserialize(deserializer)? == "true")
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    metadata: PageMark<'a>,
    /// `null` in old servers' empty lists.
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct PageMark<'a> {
    #[serde(rename = "resourceVersion", borrow, default)]
    version: Cow<'a, str>,
    #[serde(rename = "continue", borrow, default)]
    next: Cow<'a, str>,
}
