//! Bodies on their way in and out. Fields are dropped in the order they are written in, so children stand before their
//! parents: dropping a parent first traps.

use std::time::Duration;

use wasip2::http::types as wasi;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wstd::io::AsyncPollable;

use super::failure::failure;
use super::within;
use crate::host::{Body, Cause, Failure};

/// How much is read from, or written to, a stream at once, in bytes.
const CHUNK: u64 = 64 << 10;

/// A body on its way in.
pub(crate) struct WasiBody {
    stream: Option<InputStream>,
    body: Option<wasi::IncomingBody>,
    _parent: Parent,
    /// How long to wait for more.
    limit: Duration,
}

enum Parent {
    Response {
        _response: wasi::IncomingResponse,
        _upload: Option<Sink>,
    },
    Request {
        _request: wasi::IncomingRequest,
    },
}

impl WasiBody {
    /// The body of an answer, and the upload to let go of only after it.
    pub(crate) fn of_response(response: wasi::IncomingResponse, upload: Option<Sink>, limit: Duration) -> Option<Self> {
        let body = response.consume().ok()?;
        let parent = Parent::Response {
            _response: response,
            _upload: upload,
        };
        Self::new(body, parent, limit)
    }

    /// The body of a request to this component.
    pub(crate) fn of_request(request: wasi::IncomingRequest, limit: Duration) -> Option<Self> {
        let body = request.consume().ok()?;
        Self::new(body, Parent::Request { _request: request }, limit)
    }

    fn new(body: wasi::IncomingBody, parent: Parent, limit: Duration) -> Option<Self> {
        let Ok(stream) = body.stream() else {
            drop(body);
            return None;
        };
        Some(Self {
            stream: Some(stream),
            body: Some(body),
            _parent: parent,
            limit,
        })
    }

    fn end(&mut self) {
        self.stream = None;
        if let Some(body) = self.body.take() {
            drop(wasi::IncomingBody::finish(body));
        }
    }
}

impl Body for WasiBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        while let Some(stream) = &self.stream {
            match stream.read(CHUNK) {
                Ok(bytes) if bytes.is_empty() => within(self.limit, AsyncPollable::new(stream.subscribe())).await?,
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => self.end(),
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(None)
    }
}

/// A body on its way out. Dropped before it is finished, it tells the other side that it was cut off.
pub(crate) struct Sink {
    stream: Option<OutputStream>,
    body: Option<wasi::OutgoingBody>,
}

impl Sink {
    /// Of a body whose stream was not asked for yet.
    pub(crate) fn new(body: wasi::OutgoingBody) -> Self {
        Self {
            stream: body.write().ok(),
            body: Some(body),
        }
    }

    /// Writes bytes. `limit` is how long the other side may take none.
    pub(crate) async fn write(&mut self, mut bytes: &[u8], limit: Duration) -> Result<(), Failure> {
        let stream = self.stream()?;
        while !bytes.is_empty() {
            // More than the permit would trap.
            let permit = permit(stream, limit).await?.min(CHUNK);
            let length = usize::try_from(permit).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(length);
            stream.write(now).map_err(|error| broken(&error))?;
            bytes = later;
        }
        Ok(())
    }

    /// Ends the body, whole.
    pub(crate) async fn finish(&mut self, limit: Duration) -> Result<(), Failure> {
        let stream = self.stream()?;
        stream.flush().map_err(|error| broken(&error))?;
        permit(stream, limit).await?;
        self.stream = None;
        match self.body.take() {
            Some(body) => wasi::OutgoingBody::finish(body, None).map_err(failure),
            None => Ok(()),
        }
    }

    fn stream(&self) -> Result<&OutputStream, Failure> {
        self.stream.as_ref().ok_or_else(|| broken(&StreamError::Closed))
    }
}

/// Waits until the stream takes bytes, and says how many.
async fn permit(stream: &OutputStream, limit: Duration) -> Result<u64, Failure> {
    loop {
        match stream.check_write().map_err(|error| broken(&error))? {
            0 => within(limit, AsyncPollable::new(stream.subscribe())).await?,
            permit => return Ok(permit),
        }
    }
}

/// A stream that broke. Its end (`closed`) is one of these only for a writer.
fn broken(error: &StreamError) -> Failure {
    match error {
        StreamError::Closed => cut_off("the connection was closed"),
        StreamError::LastOperationFailed(error) => wasi::http_error_code(error).map_or_else(
            // What else it says may be the host's stack, which is nobody's business.
            || cut_off("the connection broke"),
            failure,
        ),
    }
}

fn cut_off(detail: &str) -> Failure {
    Failure::new(Cause::CutOff, detail)
}
