//! Both services and the shared controls, and the dispatch of requests between them.

use http::StatusCode;
use http::header::HOST;

use crate::config::Config;
use crate::dataverse::{Dataverse, Refusal};
use crate::entra::{self, Entra, openid};
use crate::fault::{Faults, Service};
use crate::large::Large;
use crate::recorder::Recorder;
use crate::request::Received;
use crate::response::{Answer, answer, empty};
use crate::shared::Shared;

pub(crate) struct State {
    pub(crate) shared: Shared,
    pub(crate) recorder: Recorder,
    pub(crate) large: Large,
    pub(crate) faults: Faults,
    pub(crate) entra: Entra,
    pub(crate) dataverse: Dataverse,
}

impl State {
    pub(crate) fn new(config: &Config, origin: String) -> anyhow::Result<State> {
        Ok(State {
            shared: Shared::new(config, origin),
            recorder: Recorder::default(),
            large: Large::default(),
            faults: Faults::default(),
            entra: Entra::new(config)?,
            dataverse: Dataverse::new(config),
        })
    }

    /// `instead`: the status for a request whose body was not kept.
    pub(crate) fn normal(&self, service: Option<Service>, request: &Received, instead: Option<StatusCode>) -> Answer {
        // RFC 9112, 3.2: a request without Host is invalid. hyper does not check this.
        if !request.headers.contains_key(HOST) {
            return answer(StatusCode::BAD_REQUEST, "text/plain", "A request needs a Host header.");
        }
        let large = match instead {
            // docs/facts/dataverse.md, 1.8 has the status. Guess: the empty code and the text.
            Some(StatusCode::PAYLOAD_TOO_LARGE) => {
                let message = "The request is too large.";
                Some(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "", message).into_answer())
            }
            Some(status) => Some(empty(status)),
            None => self.large.answer(request),
        };
        if let Some(answer) = large {
            return match service {
                Some(Service::Dataverse) => match self.dataverse.refuse_unauthorized(request, &self.shared) {
                    Some(refused) => refused,
                    None => self.dataverse.decorated(answer),
                },
                _ => answer,
            };
        }
        match service {
            Some(Service::Entra) => self.entra.answer(request, &self.shared),
            Some(Service::Dataverse) => self.dataverse.answer(request, &self.shared),
            None if is_of_the_services(&request.path) => {
                let text = "The sandbox does not support this endpoint. The real service may support it.";
                answer(StatusCode::NOT_IMPLEMENTED, "text/plain", text)
            }
            None => answer(
                StatusCode::NOT_FOUND,
                "text/plain",
                "The sandbox serves nothing at this path.",
            ),
        }
    }

    pub(crate) fn throttled(&self, service: Service, code: &str, retry_after_secs: u64) -> Answer {
        match service {
            Service::Entra => entra::throttled(retry_after_secs),
            Service::Dataverse => self.dataverse.throttled(code, retry_after_secs),
        }
    }
}

/// The service that a path belongs to.
pub(crate) fn service(path: &str) -> Option<Service> {
    if path.starts_with("/api/data/") {
        Some(Service::Dataverse)
    } else if path.ends_with("/oauth2/v2.0/token") || openid::is_metadata(path) {
        Some(Service::Entra)
    } else {
        None
    }
}

/// Whether one of the real services has an endpoint at this path that the sandbox does not have.
fn is_of_the_services(path: &str) -> bool {
    const DATAVERSE: [&str; 3] = ["/api/search/", "/api/discovery/", "/XRMServices/"];
    // Below a tenant, which may be `common`.
    const ENTRA: [&str; 4] = ["oauth2/", ".well-known/", "discovery/", "saml2"];
    let below = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let below = below.map(|(_, rest)| rest.strip_prefix("v2.0/").unwrap_or(rest));
    DATAVERSE.iter().any(|start| path.starts_with(start))
        || below.is_some_and(|below| ENTRA.iter().any(|start| below.starts_with(start)))
}
