//! Entra ID and Dataverse as far as a bench needs them: answers that are ready, so that making them bounds nothing.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, Result};
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

use super::served::Served;

/// Where the contents are.
pub const ROOT: &str = "/api/data/v9.2/";

/// Rows in one piece of a very long answer.
const ROWS: usize = 256;

/// Something to ask for.
#[derive(Clone, Copy)]
pub struct Content {
    /// The last part of its path.
    pub name: &'static str,
    /// Under what path the gateway has it, if not under the same.
    pub route: Option<&'static str>,
    bytes: usize,
    form: Form,
    /// How long the upstream thinks about it.
    delay: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// JSON with links, which the gateway has to look for and to change.
    Json,
    Bytes,
    /// Who calls.
    Identity,
}

impl Content {
    /// Dataverse is not next door, and has a database to ask.
    pub const SLOW: Self = Self {
        delay: Duration::from_millis(20),
        ..Self::new("json_1kB_after_20ms", 1000, Form::Json)
    };
    /// What is asked for again and again.
    pub const SMALL: [Self; 6] = [
        Self::new("json_1kB", 1000, Form::Json),
        Self::SLOW,
        Self::new("json_100kB", 100_000, Form::Json),
        Self::new("bytes_1kB", 1000, Form::Bytes),
        Self::new("bytes_100kB", 100_000, Form::Bytes),
        Self {
            route: Some("/whoami"),
            ..Self::new("WhoAmI", 0, Form::Identity)
        },
    ];
    /// What is asked for once.
    pub const LARGE: [Self; 2] = [
        Self::new("json_1GiB", 1 << 30, Form::Json),
        Self::new("bytes_1GiB", 1 << 30, Form::Bytes),
    ];

    const fn new(name: &'static str, bytes: usize, form: Form) -> Self {
        Self {
            name,
            route: None,
            bytes,
            form,
            delay: Duration::ZERO,
        }
    }

    /// Whether the gateway looks for links in it.
    pub fn has_links(&self) -> bool {
        self.form == Form::Json
    }

    /// Its path at Dataverse.
    pub fn path(&self) -> String {
        format!("{ROOT}{}", self.name)
    }

    /// The body. A small one is one piece; a large one repeats a piece, and is about as long as it is to be.
    fn flow(&self, origin: &str) -> Flow {
        if self.form == Form::Identity {
            return Flow::of(identity());
        }
        if self.form == Form::Bytes {
            let piece = self.bytes.min(64 << 10);
            let is_small = self.bytes <= 1 << 20;
            return Flow {
                head: Bytes::from(vec![b'x'; if is_small { self.bytes } else { 0 }]),
                piece: Bytes::from(vec![b'x'; piece]),
                pieces: if is_small { 0 } else { self.bytes / piece },
                tail: Bytes::new(),
            };
        }
        let mut head = format!(r#"{{"@odata.context":"{origin}{ROOT}$metadata#contacts","value":["#);
        let mut tail = format!(r#"{{"fullname":""}}],"@odata.nextLink":"{origin}{ROOT}contacts?$skiptoken=2"}}"#);
        let rows: String = (0..ROWS).map(row).collect();
        let pieces = if self.bytes > 1 << 20 {
            self.bytes / rows.len()
        } else {
            0
        };
        if pieces == 0 {
            let mut rows = (0..).map(row);
            while let Some(row) = rows
                .next()
                .filter(|row| head.len() + row.len() + tail.len() <= self.bytes)
            {
                head.push_str(&row);
            }
            let missing = "x".repeat(self.bytes.saturating_sub(head.len() + tail.len()));
            tail = tail.replacen(r#""fullname":"""#, &format!(r#""fullname":"{missing}""#), 1);
            head.push_str(&std::mem::take(&mut tail));
        }
        Flow {
            head: Bytes::from(head),
            piece: Bytes::from(rows),
            pieces,
            tail: Bytes::from(tail),
        }
    }
}

/// A row as Dataverse writes them, with a comma.
fn row(number: usize) -> String {
    format!(
        r#"{{"@odata.etag":"W/\"{number}\"","contactid":"00000000-0000-4000-8000-{number:012}","fullname":"Grace Hopper","emailaddress1":"grace{number}@example.com","telephone1":"+1 555 0100","_parentcustomerid_value":null,"statecode":0,"createdon":"2026-01-01T00:00:00Z"}},"#
    )
}

/// What Dataverse says of who calls.
fn identity() -> String {
    let member = |name: &str, last: u8| format!(r#""{name}":"20000000-0000-4000-8000-{last:012}""#);
    let members = [
        member("BusinessUnitId", 2),
        member("UserId", 1),
        member("OrganizationId", 3),
    ];
    format!("{{{}}}", members.join(","))
}

/// The running upstream: both the authority host and the environment URL.
pub struct Upstream {
    served: Served,
    contents: Arc<Contents>,
}

impl Upstream {
    /// Starts it.
    pub fn start() -> Result<Self> {
        // The origin stands in the answers, and is known once it listens.
        let contents = Arc::new(Contents::default());
        let answers = Arc::clone(&contents);
        let served = Served::start(move |request| answer(request, Arc::clone(&answers)))?;
        let made = Content::SMALL.into_iter().chain(Content::LARGE).map(|content| {
            let flow = content.flow(served.origin());
            (content, flow)
        });
        let _ = contents.ready.set(made.collect());
        Ok(Self { served, contents })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        self.served.origin()
    }

    /// How many tokens it has granted.
    pub fn tokens(&self) -> usize {
        self.contents.tokens.load(Ordering::Relaxed)
    }

    /// What a small content is.
    pub fn text(&self, content: &Content) -> String {
        String::from_utf8_lossy(&content.flow(self.origin()).head).into_owned()
    }
}

/// What can be asked for.
#[derive(Default)]
struct Contents {
    /// With bodies that are ready.
    ready: OnceLock<Vec<(Content, Flow)>>,
    /// How many tokens have been granted.
    tokens: AtomicUsize,
}

async fn answer(request: Request<Incoming>, contents: Arc<Contents>) -> Result<Response<Flow>> {
    let path = request.uri().path().to_owned();
    if *request.method() != Method::GET {
        let mut body = request.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        if !path.ends_with("/token") {
            return Ok(Response::builder()
                .status(StatusCode::NO_CONTENT)
                .body(Flow::default())?);
        }
        contents.tokens.fetch_add(1, Ordering::Relaxed);
        let response = Response::builder().header(CONTENT_TYPE, "application/json");
        return Ok(response.body(Flow::of(grant(3599)))?);
    }
    let contents = contents.ready.get().context("not yet")?;
    let name = path.strip_prefix(ROOT).unwrap_or_default();
    let Some((content, flow)) = contents.iter().find(|(content, _)| content.name == name) else {
        return Ok(Response::builder()
            .status(StatusCode::NOT_FOUND)
            .body(Flow::default())?);
    };
    if !content.delay.is_zero() {
        tokio::time::sleep(content.delay).await;
    }
    let media_type = if content.form != Form::Bytes {
        "application/json; odata.metadata=minimal"
    } else {
        "application/octet-stream"
    };
    Ok(Response::builder()
        .header(CONTENT_TYPE, media_type)
        .header("odata-version", "4.0")
        .body(flow.clone())?)
}

/// A token, about as long as those of Entra ID.
pub fn token() -> String {
    "t".repeat(1500)
}

/// Entra ID's answer that grants it for so many seconds.
pub fn grant(seconds: u32) -> String {
    format!(
        r#"{{"token_type":"Bearer","expires_in":{seconds},"access_token":"{}"}}"#,
        token()
    )
}

/// A body: a beginning, a piece many times, and an end.
#[derive(Clone, Default)]
pub struct Flow {
    head: Bytes,
    piece: Bytes,
    pieces: usize,
    tail: Bytes,
}

impl Flow {
    /// One that is all there.
    fn of(text: String) -> Self {
        Self {
            head: Bytes::from(text),
            ..Self::default()
        }
    }

    /// 1 GiB to send.
    pub fn upload() -> Self {
        let [_, bytes] = Content::LARGE;
        bytes.flow("")
    }

    fn left(&self) -> usize {
        self.head.len() + self.pieces * self.piece.len() + self.tail.len()
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        let next = if !self.head.is_empty() {
            std::mem::take(&mut self.head)
        } else if self.pieces > 0 {
            self.pieces -= 1;
            self.piece.clone()
        } else {
            std::mem::take(&mut self.tail)
        };
        Poll::Ready((!next.is_empty()).then(|| Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left() as u64)
    }
}
