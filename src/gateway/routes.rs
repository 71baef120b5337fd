//! The routes, and the access to them.

use std::rc::Rc;

use http::{Method, Request, StatusCode};
use zeroize::Zeroize;

use super::allow::AllowList;
use super::callers::Keys;
use super::opened::Opened;
use super::public_origin::PublicOrigin;
use super::refusal::Refusal;
use super::reply::Reply;
use super::{headers, relay, reply, report, request_body};
use crate::credential::Named;
use crate::dataverse::client::Connection;
use crate::deadline::Timed;
use crate::error::Error;
use crate::guid::new_guid;
use crate::host::{Body, Host};

/// The gateway's settings: who may call, and what they may request.
pub struct Gateway {
    keys: Keys,
    /// `None`: everything that the application user may do.
    allow: Option<AllowList>,
    opened: Rc<Opened>,
    public_origin: PublicOrigin,
}

impl Gateway {
    /// Reads `GATEWAY_KEY`, `GATEWAY_ALLOW`, `GATEWAY_PASS_HEADERS` and `GATEWAY_PUBLIC_URL` from environment variables, and
    /// wipes them.
    ///
    /// # Errors
    /// A readable reason for the operator.
    pub fn from_variables(mut variables: Vec<(String, String)>) -> Result<Self, String> {
        let gateway = Self::read(&variables);
        for (_, value) in &mut variables {
            value.zeroize();
        }
        gateway
    }

    fn read(variables: &[(String, String)]) -> Result<Self, String> {
        let value = |name: &str| {
            let (_, value) = variables.iter().find(|(key, _)| key == name)?;
            Some(value.trim()).filter(|value| !value.is_empty())
        };
        let keys = value("GATEWAY_KEY")
            .ok_or("GATEWAY_KEY is not set, so no caller is accepted: set it to a long random text")?;
        let keys = Keys::parse(keys).map_err(|reason| format!("GATEWAY_KEY {reason}"))?;
        let allow = variables.iter().find(|(name, _)| name == "GATEWAY_ALLOW");
        let allow = allow.map(|(_, text)| AllowList::of_setting(text)).transpose();
        let opened = Opened::parse(value("GATEWAY_PASS_HEADERS").unwrap_or_default());
        let public_origin = PublicOrigin::parse(value("GATEWAY_PUBLIC_URL"));
        Ok(Self {
            keys,
            allow: allow.map_err(|reason| format!("GATEWAY_ALLOW {reason}"))?.flatten(),
            opened: Rc::new(opened.map_err(|reason| format!("GATEWAY_PASS_HEADERS {reason}"))?),
            public_origin: public_origin.map_err(|reason| format!("GATEWAY_PUBLIC_URL {reason}"))?,
        })
    }
}

/// Answers one request. `gateway` and `connection` are called only if the route needs them, so that
/// `/healthz` works despite missing settings.
pub(crate) async fn handle<'h, H: Host, B: Body>(
    host: &'h H,
    request: Request<B>,
    gateway: impl FnOnce() -> Result<Rc<Gateway>, String>,
    connection: impl FnOnce() -> Result<Rc<Connection>, Error>,
) -> Reply<Timed<'h, H>> {
    let call = Timed::begin(host);
    let connection = || {
        let connection = connection()?;
        let settings = connection.settings();
        call.limit(settings.call_timeout, settings.names.call_timeout_ms);
        Ok(connection)
    };
    let id = headers::client_request_id(request.headers()).unwrap_or_else(|| new_guid(&call));
    let reply = match route(&call, request, gateway, connection, &id).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.into_reply(&id),
    };
    headers::with_id(reply, &id)
}

/// The answer to a request whose line or headers cannot be read.
pub(crate) fn unreadable<H: Host>(host: &H) -> Reply<Timed<'_, H>> {
    let refusal = Refusal::bad_request("the request's line, host or headers cannot be read".to_owned());
    refusal.into_reply(&new_guid(&Timed::begin(host)))
}

async fn route<'h, H: Host, B: Body>(
    host: &Timed<'h, H>,
    request: Request<B>,
    gateway: impl FnOnce() -> Result<Rc<Gateway>, String>,
    connection: impl FnOnce() -> Result<Rc<Connection>, Error>,
    id: &str,
) -> Result<Reply<Timed<'h, H>>, Refusal> {
    let path = request.uri().path();
    if path == "/healthz" {
        return only_reads(request.method()).map(|()| reply::text(StatusCode::OK, "alive"));
    }
    let gateway = gateway().map_err(|reason| Refusal::not_set_up(host, &reason))?;
    let admitted = gateway.keys.admit(host, request.headers());
    match path {
        "/readyz" => {
            only_reads(request.method())?;
            ready(host, connection, admitted).await
        }
        _ if !admitted => Err(Refusal::unauthorized()),
        "/whoami" => {
            only_reads(request.method())?;
            let identity = connection()
                .map_err(|error| Refusal::from_error(host, error))?
                .whoami(host)
                .await;
            identity
                .map(|identity| reply::identity(&identity))
                .map_err(|error| Refusal::from_error(host, error))
        }
        "/validate" => {
            if request.method() != Method::POST {
                return Err(Refusal::not_allowed("POST"));
            }
            let connection = connection().map_err(|error| Refusal::from_error(host, error))?;
            let (request, fault) = request_body::take(host, request).await?;
            let (head, body) = request.into_parts();
            headers::check_coding(&head.headers)?;
            report::answer(host, &connection, gateway.allow.as_ref(), &head.headers, body)
                .await
                .map_err(|refusal| fault.instead_of(host, refusal))
        }
        _ if relay::is_web_api(path) => {
            if let Some(allow) = &gateway.allow {
                allow
                    .check(request.method(), request.uri())
                    .map_err(Refusal::forbidden)?;
            }
            let connection = connection().map_err(|error| Refusal::from_error(host, error))?;
            let (request, fault) = request_body::take(host, request).await?;
            relay::relay(host, &connection, request, &gateway.opened, &gateway.public_origin, id)
                .await
                .map_err(|refusal| fault.instead_of(host, refusal))
        }
        _ => Err(Refusal::not_found()),
    }
}

fn only_reads(method: &Method) -> Result<(), Refusal> {
    if method == Method::GET || method == Method::HEAD {
        Ok(())
    } else {
        Err(Refusal::not_allowed("GET, HEAD"))
    }
}

/// Whether the gateway is ready. Without a key, the answer only says whether the settings are valid and a
/// credential has not expired, because anyone may request it any number of times. With a key, a token is
/// obtained too, and the answer shows which credential obtained it, or why none did.
async fn ready<H: Host>(
    host: &H,
    connection: impl FnOnce() -> Result<Rc<Connection>, Error>,
    admitted: bool,
) -> Result<Reply<H>, Refusal> {
    let connection = connection();
    if !admitted {
        return Ok(ready_by_itself(host, connection.ok().as_deref()));
    }
    let outcome = match connection {
        Ok(connection) => connection.acquire_token(host).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(token) => Ok(reply::ready(&token.credential, host.now())),
        Err(error) => Err(Refusal::from_error(host, error).with_status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

fn ready_by_itself<H: Host>(host: &H, connection: Option<&Connection>) -> Reply<H> {
    let now = host.now();
    let credentials = connection.map(|connection| connection.settings().credentials.as_slice());
    let tried_first = credentials
        .unwrap_or_default()
        .iter()
        .find(|named| named.check_time(now).is_ok())
        .map(Named::used);
    match tried_first {
        None => reply::text(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        Some(credential) if credential.ends_soon(now) => {
            reply::text(StatusCode::OK, "ready, but the credential expires soon")
        }
        Some(_) => reply::text(StatusCode::OK, "ready"),
    }
}
