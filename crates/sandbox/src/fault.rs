//! Misbehaviour on request.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use http::StatusCode;

use crate::request::Received;
use crate::response::{Answer, append, empty, lock};

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The token endpoint.
    Entra,
    /// The Web API.
    Dataverse,
}

/// Something that happens instead of the normal answer, before the token is checked.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The affected service.
    pub service: Service,
    /// Only for this method.
    pub method: Option<String>,
    /// Only if path and query begin with this.
    pub path_prefix: Option<String>,
    /// What happens.
    pub kind: FaultKind,
    /// The number of times; 0 is never.
    pub times: usize,
}

/// What goes wrong.
#[derive(Clone)]
pub enum FaultKind {
    /// 429 with `Retry-After`. Entra ID answers plain text (docs/facts/entra.md, 2.3) and ignores the code.
    Throttle {
        /// 0x80072322 (requests), 0x80072321 (execution time) or 0x80072326 (concurrency).
        code: String,
        /// The seconds in `Retry-After`.
        retry_after_secs: u64,
    },
    /// Exactly this answer, as from an intermediary; nothing is carried out.
    Status {
        /// Its status.
        status: u16,
        /// Its body.
        body: Vec<u8>,
        /// The body's type.
        content_type: String,
        /// Further headers.
        headers: Vec<(String, String)>,
    },
    /// Entra ID's refusal with this code, with all the fields of its kind: 50196, 53003, 90002 (as `invalid_tenant`),
    /// 90006, 90024, 90033, 90038, 90055, 90090, 900382 and 900432. Others get 501; most arise by themselves.
    EntraError(
        /// The number after AADSTS.
        u32,
    ),
    /// The request is carried out; the answer has its full Content-Length but is cut off after this many
    /// bytes.
    CutBody {
        /// The number of bytes that are sent.
        after: usize,
    },
    /// The connection closes without an answer.
    Disconnect {
        /// Whether the request is carried out first.
        carry_out: bool,
    },
    /// The request is carried out after a delay.
    Delay(
        /// How long.
        Duration,
    ),
}

impl fmt::Debug for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Throttle { code, retry_after_secs } => write!(f, "Throttle({code}, {retry_after_secs} s)"),
            FaultKind::Status { status, .. } => write!(f, "Status({status})"),
            FaultKind::EntraError(code) => write!(f, "EntraError({code})"),
            FaultKind::CutBody { after } => write!(f, "CutBody({after})"),
            FaultKind::Disconnect { carry_out } => write!(f, "Disconnect(carry_out: {carry_out})"),
            FaultKind::Delay(duration) => write!(f, "Delay({duration:?})"),
        }
    }
}

impl Fault {
    /// A fault that happens once, to any request for the service.
    pub fn new(service: Service, kind: FaultKind) -> Fault {
        Fault {
            service,
            method: None,
            path_prefix: None,
            kind,
            times: 1,
        }
    }

    /// Only for this method, and if path and query begin with `path_prefix`.
    pub fn on(mut self, method: &str, path_prefix: &str) -> Fault {
        self.method = Some(method.into());
        self.path_prefix = Some(path_prefix.into());
        self
    }

    /// This many times.
    pub fn times(mut self, times: usize) -> Fault {
        self.times = times;
        self
    }

    /// A service protection limit of Dataverse.
    pub fn throttle(code: &str, retry_after_secs: u64) -> Fault {
        Fault::new(
            Service::Dataverse,
            FaultKind::Throttle {
                code: code.into(),
                retry_after_secs,
            },
        )
    }

    /// A refusal of Entra ID that does not arise by itself; see [`FaultKind::EntraError`].
    pub fn entra_error(code: u32) -> Fault {
        Fault::new(Service::Entra, FaultKind::EntraError(code))
    }

    /// An answer of that status with a plain text body.
    pub fn status(service: Service, status: u16, body: &str) -> Fault {
        let kind = FaultKind::Status {
            status,
            body: body.into(),
            content_type: "text/plain; charset=utf-8".into(),
            headers: Vec::new(),
        };
        Fault::new(service, kind)
    }

    fn fits(&self, service: Service, request: &Received) -> bool {
        self.times > 0
            && self.service == service
            && self
                .method
                .as_ref()
                .is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()))
            && self
                .path_prefix
                .as_ref()
                .is_none_or(|prefix| request.path_and_query().starts_with(prefix))
    }
}

/// The queued faults; the first that matches a request happens.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn push(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }

    pub(crate) fn take(&self, service: Service, request: &Received) -> Option<FaultKind> {
        let mut faults = lock(&self.0);
        let at = faults.iter().position(|fault| fault.fits(service, request))?;
        let fault = faults.get_mut(at)?;
        fault.times -= 1;
        let kind = fault.kind.clone();
        faults.retain(|fault| fault.times > 0);
        Some(kind)
    }
}

pub(crate) fn status(status: u16, body: Vec<u8>, content_type: &str, headers: &[(String, String)]) -> Answer {
    let mut answer = empty(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    append(&mut answer, "content-type", content_type);
    for (name, value) in headers {
        append(&mut answer, name, value);
    }
    *answer.body_mut() = body.into();
    answer
}
