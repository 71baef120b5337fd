//! Requests that the component makes of itself, several to a call or a call after another: pages, pieces of files. Each is
//! sent as `odata-request` would; what is wrong with an answer that came whole is told here.

use http::StatusCode;

use crate::attempts::counted;
use crate::contract::types::{DataverseError, Error, Method, OutageCause, Request, Response, Service};
use crate::dataverse::client::Connection;
use crate::dataverse::headers::CLIENT_REQUEST_ID;
use crate::error::{Asked, Faults};
use crate::host::{Failure, Host, new_guid};

/// Headers as the contract has them.
pub type Headers = Vec<(String, String)>;

/// Which answer it was, for an error that tells what is wrong with it.
#[derive(Clone, Debug)]
pub struct Answered {
    origin: String,
    writes: bool,
    status: u16,
    attempts: u32,
    request_id: Option<String>,
    client_request_id: String,
}

/// Sends a request and tells which answer came.
///
/// # Errors
/// As `odata-request` in `wit/dataverse.wit`.
pub async fn ask(
    connection: &Connection,
    host: &impl Host,
    mut request: Request,
) -> Result<(Response, Answered), Error> {
    let given = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(CLIENT_REQUEST_ID.as_str());
    let client_request_id = match request.headers.iter().find(given) {
        Some((_, id)) => id.clone(),
        None => {
            let id = new_guid(host);
            request.headers.push((CLIENT_REQUEST_ID.to_string(), id.clone()));
            id
        }
    };
    let writes = request.method != Method::Get;
    let response = connection.odata_request(host, request).await?;
    let answered = Answered {
        origin: connection.environment().to_string(),
        writes,
        status: response.status,
        attempts: response.attempts,
        request_id: header(&response, "req_id").map(str::to_owned),
        client_request_id,
    };
    Ok((response, answered))
}

impl Answered {
    /// The error for an answer that came whole and says what cannot be.
    pub fn unusable(&self, detail: impl Into<String>) -> Error {
        let asked = Asked {
            service: Service::Dataverse,
            origin: &self.origin,
            writes: self.writes,
            client_request_id: &self.client_request_id,
        };
        let outage = asked.outage(Failure {
            status: Some(self.status),
            request_id: self.request_id.clone(),
            ..Failure::new(OutageCause::UnusableAnswer, detail)
        });
        counted(outage, self.attempts)
    }

    /// The error for an answer that says, by a status that is no error's, that there is nothing.
    pub fn refused(&self, message: impl Into<String>) -> Error {
        Error::Dataverse(DataverseError {
            status: self.status,
            may_have_taken_effect: false,
            attempts: self.attempts,
            code: String::new(),
            code_number: None,
            message: message.into(),
            inner_message: None,
            help_link: None,
            trace_text: None,
            advice: None,
            retry_after_seconds: None,
            request_id: self.request_id.clone(),
            service_request_ids: Vec::new(),
            client_request_id: self.client_request_id.clone(),
        })
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or_default()
    }
}

/// A GET.
pub fn get(path: String, headers: Headers) -> Request {
    Request {
        headers,
        ..Request::new(Method::Get, path)
    }
}

/// A PATCH.
pub fn patch(path: String, headers: Headers, body: Option<Vec<u8>>) -> Request {
    Request {
        headers,
        body,
        ..Request::new(Method::Patch, path)
    }
}

/// The first header of that name, which is in lower case.
pub fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let (_, value) = response.headers.iter().find(|(n, _)| n == name)?;
    Some(value)
}

/// Notes those of the caller's headers that are set here.
pub fn refuse_headers(given: &[(String, String)], ours: &[&str], faults: &mut Faults) {
    for name in ours {
        if given.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            faults.add(&format!("headers.{name}"), "is set by this call itself");
        }
    }
}
