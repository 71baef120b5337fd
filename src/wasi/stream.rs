//! Bodies on their way in and out. Fields are dropped in the order they are written in, so children stand before their
//! parents: dropping a parent first traps.

use wasip2::http::types as wasi;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wstd::io::AsyncPollable;

use super::failure::failure;
use super::wait::Wait;
use crate::host::{Body, Cause, Failure};

/// How much is read from, or written to, a stream at once, in bytes.
const CHUNK: u64 = 64 << 10;

/// A body on its way in.
pub(crate) struct WasiBody {
    stream: Option<InputStream>,
    body: Option<wasi::IncomingBody>,
    _parent: Parent,
    wait: Wait,
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
    pub(super) fn of_response(response: wasi::IncomingResponse, upload: Option<Sink>, wait: Wait) -> Option<Self> {
        let body = response.consume().ok()?;
        let parent = Parent::Response {
            _response: response,
            _upload: upload,
        };
        Self::new(body, parent, wait)
    }

    /// The body of a request to this component.
    pub(super) fn of_request(request: wasi::IncomingRequest, wait: Wait) -> Option<Self> {
        let body = request.consume().ok()?;
        Self::new(body, Parent::Request { _request: request }, wait)
    }

    fn new(body: wasi::IncomingBody, parent: Parent, wait: Wait) -> Option<Self> {
        let Ok(stream) = body.stream() else {
            drop(body);
            return None;
        };
        Some(Self {
            stream: Some(stream),
            body: Some(body),
            _parent: parent,
            wait,
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
                Ok(bytes) if bytes.is_empty() => {
                    self.wait
                        .until(AsyncPollable::new(stream.subscribe()).wait_for())
                        .await?
                }
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
    pub(super) fn new(body: wasi::OutgoingBody) -> Self {
        Self {
            stream: body.write().ok(),
            body: Some(body),
        }
    }

    /// Writes as much as the stream takes without waiting, and returns the rest.
    pub(super) fn write_at_once<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        let stream = self.stream()?;
        let permit = stream.check_write().map_err(|error| broken(&error))?.min(CHUNK);
        let length = usize::try_from(permit).unwrap_or(usize::MAX).min(bytes.len());
        let (now, later) = bytes.split_at(length);
        if !now.is_empty() {
            stream.write(now).map_err(|error| broken(&error))?;
        }
        Ok(later)
    }

    /// Writes bytes. `wait` is for the other side, which may take none.
    pub(super) async fn write(&mut self, mut bytes: &[u8], wait: Wait) -> Result<(), Failure> {
        let stream = self.stream()?;
        while !bytes.is_empty() {
            // More than the permit would trap.
            let permit = permit(stream, wait).await?.min(CHUNK);
            let length = usize::try_from(permit).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(length);
            stream.write(now).map_err(|error| broken(&error))?;
            bytes = later;
        }
        Ok(())
    }

    /// Ends the body, whole.
    pub(super) async fn finish(&mut self, wait: Wait) -> Result<(), Failure> {
        let stream = self.stream()?;
        stream.flush().map_err(|error| broken(&error))?;
        permit(stream, wait).await?;
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
async fn permit(stream: &OutputStream, wait: Wait) -> Result<u64, Failure> {
    loop {
        match stream.check_write().map_err(|error| broken(&error))? {
            0 => wait.until(AsyncPollable::new(stream.subscribe()).wait_for()).await?,
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
