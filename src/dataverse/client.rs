//! One environment, reached as one application: authorise, send, recover.

use std::rc::Rc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::attempts::{Attempts, counted};
use crate::contract::types::{self, AccessToken, BatchResult, Error, Identity, Method, OutageCause};
use crate::dataverse::answer;
use crate::dataverse::batch::{Batch, Reading};
use crate::dataverse::request::Prepared;
use crate::entra::{Acquired, Token, Tokens};
use crate::error::redact;
use crate::host::{Failure, Host, Timeouts, is_guid, new_guid, read_whole};
use crate::http::origin::Origin;
use crate::retry::{Budget, retry_after};
use crate::settings::Settings;

/// One environment, reached as one application.
pub struct Connection {
    settings: Rc<Settings>,
    tokens: Rc<Tokens>,
    /// `None`: each call has its own.
    budget: Option<Budget>,
}

impl Connection {
    /// Sends nothing. `tokens` are those of the instance, so that connections with the same identity share them.
    pub fn new(settings: Settings, tokens: Rc<Tokens>) -> Self {
        Self {
            settings: Rc::new(settings),
            tokens,
            budget: None,
        }
    }

    /// The same connection, all of whose calls share one budget that begins now.
    pub fn as_one_call(&self, host: &impl Host) -> Self {
        Self {
            settings: Rc::clone(&self.settings),
            tokens: Rc::clone(&self.tokens),
            budget: Some(self.budget(host)),
        }
    }

    /// A token for the environment.
    ///
    /// # Errors
    /// As `acquire-token` in `wit/dataverse.wit`.
    pub async fn acquire_token(&self, host: &impl Host) -> Result<AccessToken, Error> {
        let token = self.token(host, &self.budget(host)).await?.token;
        let scope = &self.settings.scope;
        Ok(AccessToken {
            token: token.reveal().to_owned(),
            expires_at: token.expires_at,
            expires_in: u32::try_from(token.expires_at.saturating_sub(host.now())).unwrap_or(u32::MAX),
            audience: scope.strip_suffix("/.default").unwrap_or(scope).to_owned(),
            tenant: token.tenant.clone(),
            credential: token.credential.clone(),
        })
    }

    /// Who the environment says is calling.
    ///
    /// # Errors
    /// As `whoami` in `wit/dataverse.wit`.
    pub async fn whoami(&self, host: &impl Host) -> Result<Identity, Error> {
        let request = types::Request::new(Method::Get, "WhoAmI");
        let request = Prepared::new(&self.settings, request, new_guid(host))?;
        let response = self.send_alone(host, &request).await?;
        WhoAmI::read(&response.body).ok_or_else(|| {
            let detail = "the answer to WhoAmI does not hold the three ids: is this a Dataverse environment?";
            let failure = Failure::new(OutageCause::UnusableAnswer, detail);
            let origin = self.settings.environment.to_string();
            let failure = Failure {
                status: Some(response.status),
                ..failure
            };
            counted(request.asked(&origin).outage(failure), response.attempts)
        })
    }

    /// Sends one request to the Web API.
    ///
    /// # Errors
    /// As `odata-request` in `wit/dataverse.wit`.
    pub async fn odata_request(&self, host: &impl Host, request: types::Request) -> Result<types::Response, Error> {
        let request = Prepared::new(&self.settings, request, new_guid(host))?;
        if request.is_long() {
            self.send_in_batch(host, request).await
        } else {
            self.send_alone(host, &request).await
        }
    }

    /// Sends several requests as one.
    ///
    /// # Errors
    /// As `odata-batch` in `wit/dataverse.wit`.
    pub async fn odata_batch(&self, host: &impl Host, batch: types::Batch) -> Result<Vec<BatchResult>, Error> {
        let batch = Batch::new(host, &self.settings, batch)?;
        let read = |reading: &Reading<'_>, answer| reading.results(&batch, answer);
        let (results, _) = self.send(host, batch.request(), read).await?;
        Ok(results)
    }

    /// Where the token goes.
    pub fn environment(&self) -> &Origin {
        &self.settings.environment
    }

    /// Who calls and which environment is called.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How long to wait.
    pub fn timeouts(&self) -> &Timeouts {
        &self.settings.timeouts
    }

    /// What one call may spend on trying, from now on.
    pub fn budget(&self, host: &impl Host) -> Budget {
        self.budget
            .unwrap_or_else(|| Budget::start(host, self.settings.retry_budget))
    }

    /// The largest request body that is sent, in bytes.
    pub fn max_request_bytes(&self) -> u32 {
        self.settings.max_request_bytes
    }

    /// The largest answer that is read, in bytes.
    pub fn max_answer_bytes(&self) -> u32 {
        self.settings.max_answer_bytes
    }

    /// A token, kept or new.
    ///
    /// # Errors
    /// As `acquire-token` in `wit/dataverse.wit`.
    pub async fn token(&self, host: &impl Host, budget: &Budget) -> Result<Acquired, Error> {
        self.tokens.acquire(host, &self.settings, budget).await
    }

    /// Forgets a token that the environment did not accept; `headers` are those of its 401. Says whether another token may do
    /// better: one that was new and lacked no claim would be refused again.
    pub fn refuse(&self, host: &impl Host, refused: &Acquired, headers: &HeaderMap) -> bool {
        self.tokens.refuse(host, refused, headers)
    }

    async fn send_alone(&self, host: &impl Host, request: &Prepared) -> Result<types::Response, Error> {
        let read = |reading: &Reading<'_>, answer| answer::read(answer, reading.asked, reading.token, reading.now);
        let (response, attempts) = self.send(host, request, read).await?;
        Ok(types::Response { attempts, ..response })
    }

    /// The same for a query that is too long to be sent by itself.
    async fn send_in_batch(&self, host: &impl Host, request: Prepared) -> Result<types::Response, Error> {
        let batch = Batch::of_one(host, &self.settings, request)?;
        let read = |reading: &Reading<'_>, answer| reading.only(answer);
        let (response, attempts) = self.send(host, batch.request(), read).await?;
        Ok(types::Response { attempts, ..response })
    }

    /// Sends a request, and again where `odata-request` in `wit/dataverse.wit` says so. Comes back with what `read` makes of the
    /// answer, and how often it was sent.
    async fn send<T>(
        &self,
        host: &impl Host,
        request: &Prepared,
        read: impl Fn(&Reading<'_>, http::Response<Vec<u8>>) -> Result<T, Error>,
    ) -> Result<(T, u32), Error> {
        let origin = self.settings.environment.to_string();
        let asked = request.asked(&origin);
        let budget = self.budget(host);
        let mut attempts = Attempts::default();
        let mut is_renewed = false;
        loop {
            let acquired = match self.token(host, &budget).await {
                Ok(acquired) => acquired,
                Err(error) => return Err(attempts.conclude(error)),
            };
            attempts.begin();
            let answer = self.attempt(host, request, &acquired).await;
            if let Ok(answer) = &answer
                && answer.status() == StatusCode::UNAUTHORIZED
                && !answer::is_multipart(answer.headers())
                && self.refuse(host, &acquired, answer.headers())
                && !is_renewed
            {
                // Refused before anything was done, so that even a write may be sent again.
                is_renewed = true;
                continue;
            }
            let reading = Reading {
                asked: &asked,
                token: acquired.token.reveal(),
                now: host.now(),
            };
            let outcome = match answer {
                Ok(answer) => read(&reading, answer),
                Err(failure) => Err(asked.outage(failure)),
            };
            match outcome {
                Ok(read) => return Ok((read, attempts.made())),
                Err(error) if attempts.wait(host, &budget, &error, request.is_repeatable()).await => {
                    attempts.note(error);
                }
                Err(error) => return Err(attempts.conclude(error)),
            }
        }
    }

    async fn attempt(
        &self,
        host: &impl Host,
        request: &Prepared,
        acquired: &Acquired,
    ) -> Result<http::Response<Vec<u8>>, Failure> {
        let mut sent = http::Request::new(request.body());
        *sent.method_mut() = request.method().clone();
        *sent.uri_mut() = request.uri().clone();
        *sent.headers_mut() = request.headers().clone();
        authorise(sent.headers_mut(), &acquired.token);
        let (head, mut body) = host.send(sent, &self.settings.timeouts).await?.into_parts();
        let (status, headers) = (head.status, &head.headers);
        let is_refused = status.is_client_error() || status.is_server_error();
        match read_whole(&mut body, status, headers, self.settings.max_answer_bytes).await {
            Ok(body) => Ok(http::Response::from_parts(head, body)),
            // The head alone says that it was refused, and when to come back.
            Err(_) if is_refused && !answer::is_multipart(headers) => Ok(http::Response::from_parts(head, Vec::new())),
            Err(failure) => Err(Failure {
                status: Some(status.as_u16()),
                // There is an answer, so there was a request.
                sent: true,
                retry_after_seconds: retry_after(headers, host.now()),
                request_id: answer::request_id(headers).map(|id| redact(&id, &[acquired.token.reveal()])),
                ..failure
            }),
        }
    }
}

/// Adds the token to the headers of a request for the environment's origin.
pub fn authorise(headers: &mut HeaderMap, token: &Token) {
    // `token/answer.rs` lets only visible ASCII be a token, which fits a header.
    if let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", token.reveal())) {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
}

/// The answer to `WhoAmI`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WhoAmI {
    user_id: String,
    business_unit_id: String,
    organization_id: String,
}

impl WhoAmI {
    fn read(body: &[u8]) -> Option<Identity> {
        let answer: Self = serde_json::from_slice(body).ok()?;
        let ids = [&answer.user_id, &answer.business_unit_id, &answer.organization_id];
        ids.iter().all(|id| is_guid(id)).then_some(Identity {
            user_id: answer.user_id,
            business_unit_id: answer.business_unit_id,
            organization_id: answer.organization_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use http::header;
    use pollster::block_on;

    use super::*;
    use crate::host::fake::FakeHost;
    use crate::settings::tests::contoso;

    const TOKEN: (u16, &[&str]) = (
        200,
        &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#],
    );
    const NEW_TOKEN: (u16, &[&str]) = (
        200,
        &[r#"{"token_type":"Bearer","expires_in":3600,"access_token":"two"}"#],
    );
    const FINE: (u16, &[&str]) = (200, &["{}"]);
    const STALE: (u16, &[&str]) = (401, &[]);
    const BROKEN: (u16, &[&str]) = (200, &["BROKEN"]);

    fn connection() -> Connection {
        Connection::new(contoso(), Rc::default())
    }

    fn get(connection: &Connection, host: &FakeHost) -> Result<u16, Error> {
        let request = types::Request::new(Method::Get, "contacts");
        block_on(connection.odata_request(host, request)).map(|response| response.status)
    }

    fn authorizations(host: &FakeHost) -> Vec<String> {
        let sent = host.sent.borrow();
        let headers = sent
            .iter()
            .filter_map(|request| request.headers().get(header::AUTHORIZATION));
        headers.map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_kept_token_that_is_refused_is_replaced_once() {
        let connection = connection();
        let host = FakeHost::new([TOKEN, FINE, STALE, NEW_TOKEN, FINE]);
        assert_eq!(get(&connection, &host).unwrap(), 200);
        assert_eq!(get(&connection, &host).unwrap(), 200);
        assert_eq!(authorizations(&host), ["Bearer one", "Bearer one", "Bearer two"]);
    }

    #[test]
    fn a_new_token_that_is_refused_is_the_callers_to_know() {
        let host = FakeHost::new([TOKEN, STALE, FINE]);
        match get(&connection(), &host) {
            Err(Error::Dataverse(error)) => assert_eq!(error.status, 401),
            other => panic!("{other:?}"),
        }
        assert_eq!(host.sent.borrow().len(), 2);
    }

    #[test]
    fn a_token_is_replaced_once_in_a_call() {
        let connection = connection();
        let host = FakeHost::new([TOKEN, FINE, STALE, NEW_TOKEN, BROKEN, STALE, TOKEN, FINE]);
        get(&connection, &host).unwrap();
        match get(&connection, &host) {
            Err(Error::Dataverse(error)) => assert_eq!((error.status, error.attempts), (401, 3)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_whose_body_breaks_off_is_a_refusal() {
        let cut = |status: u16| {
            let host = FakeHost::new([TOKEN, (status, ["{", "CUT"].as_slice()), FINE]);
            let connection = connection();
            block_on(connection.acquire_token(&host)).unwrap();
            let host = host.with_header("retry-after", "7").with_header("req_id", "the-id");
            let request = types::Request::new(Method::Post, "contacts");
            let result = block_on(connection.odata_request(&host, request));
            (result, host.slept.get())
        };
        let (throttled, slept) = cut(429);
        assert_eq!(throttled.unwrap().attempts, 2);
        assert!(slept >= std::time::Duration::from_secs(7), "{slept:?}");
        match cut(503).0 {
            Err(Error::Unavailable(outage)) => {
                assert_eq!(outage.cause, OutageCause::ServiceUnavailable);
                assert_eq!(
                    (outage.retry_after_seconds, outage.request_id.as_deref()),
                    (Some(7), Some("the-id"))
                );
            }
            other => panic!("{other:?}"),
        }
        match cut(404).0 {
            Err(Error::Dataverse(error)) => {
                assert_eq!((error.status, error.may_have_taken_effect), (404, false));
            }
            other => panic!("{other:?}"),
        }
        match cut(200).0 {
            Err(Error::Unavailable(outage)) => {
                assert_eq!((outage.cause, outage.status), (OutageCause::CutOff, Some(200)));
                assert_eq!(
                    (outage.retry_after_seconds, outage.request_id.as_deref()),
                    (Some(7), Some("the-id"))
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stale_token_is_replaced_whatever_becomes_of_the_answers_body_and_without_a_budget() {
        let connection = Connection::new(
            Settings {
                retry_budget: std::time::Duration::ZERO,
                ..contoso()
            },
            Rc::default(),
        );
        let cut: (u16, &[&str]) = (401, &["{", "CUT"]);
        let host = FakeHost::new([TOKEN, FINE, cut, NEW_TOKEN, FINE]);
        assert_eq!(get(&connection, &host).unwrap(), 200);
        assert_eq!(get(&connection, &host).unwrap(), 200);
        assert_eq!(authorizations(&host), ["Bearer one", "Bearer one", "Bearer two"]);
    }

    #[test]
    fn the_token_goes_to_the_environment_only() {
        let host = FakeHost::new([TOKEN, FINE]);
        get(&connection(), &host).unwrap();
        let sent = host.sent.borrow();
        assert_eq!(sent[0].uri().host(), Some("login.microsoftonline.com"));
        assert!(!sent[0].headers().contains_key(header::AUTHORIZATION));
        assert_eq!(sent[1].uri().host(), Some("contoso.crm.dynamics.com"));
        assert!(sent[1].headers()[header::AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn who_am_i_is_three_guids() {
        let fine = br#"{"UserId":"00000000-0000-0000-0000-000000000001","BusinessUnitId":"00000000-0000-0000-0000-000000000002",
            "OrganizationId":"00000000-0000-0000-0000-000000000003","@odata.context":"x"}"#;
        assert_eq!(
            WhoAmI::read(fine).unwrap().user_id,
            "00000000-0000-0000-0000-000000000001"
        );
        assert!(WhoAmI::read(br#"{"UserId":"x","BusinessUnitId":"y","OrganizationId":"z"}"#).is_none());
    }
}
