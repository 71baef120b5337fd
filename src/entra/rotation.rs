//! A token from the first credential that Entra ID accepts, so that an old and a new one can stand side by side while one takes
//! the other's place.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use serde_json::Value;

use super::answer::Refused;
use super::clock::Clock;
use super::codes::{self, Consequence};
use super::endpoint::{Granted, Outcome, TokenRequest};
use super::{advice, endpoint};
use crate::credential::{Credential, Named, Used};
use crate::error::{Asked, EntraRefusal, Error, Failed, Reason};
use crate::faults::Faults;
use crate::host::{Host, Timeouts};
use crate::http::date;
use crate::log;
use crate::retry::{self, Attempt, Budget};
use crate::settings::Settings;

/// So many certificates are remembered to have been warned about.
const MAX_WARNED: usize = 64;

/// Tries the credentials of settings, by what has been learned in the life of the instance.
#[derive(Default)]
pub(super) struct Rotation {
    /// Entra ID's time.
    clock: Clock,
    /// The thumbprints of the certificates that were warned about.
    warned: RefCell<VecDeque<String>>,
}

/// What a token is asked for.
pub(super) struct Wanted<'a> {
    pub settings: &'a Settings,
    pub tenant: &'a str,
    /// Claims that the environment demanded.
    pub claims: Option<&'a Value>,
    pub timeouts: &'a Timeouts,
    /// The place of the credential that worked last.
    pub accepted: &'a Cell<usize>,
}

impl Rotation {
    /// Asks with one credential after the other until one is accepted: the one that worked last, then the others in their order,
    /// and those that are out of time by the clock at hand only in the end, as the clock may be wrong.
    ///
    /// # Errors
    /// `entra-id`, `throttled`, `unavailable`; `invalid-settings` when no credential can be used at this time.
    pub(super) async fn obtain(
        &self,
        host: &impl Host,
        wanted: &Wanted<'_>,
        budget: &Budget,
    ) -> Result<(Granted, Used), Error> {
        let credentials = &wanted.settings.credentials;
        let first = wanted.accepted.get();
        let others = (0..credentials.len()).filter(|index| *index != first);
        let in_order = std::iter::once(first)
            .chain(others)
            .filter_map(|index| Some((index, credentials.get(index)?)));
        let now = self.clock.now(host);
        let (timely, untimely): (Vec<_>, Vec<_>) = in_order.partition(|(_, named)| named.check_time(now).is_ok());
        let mut refused = RefusedCredentials::default();
        for (index, named) in timely.into_iter().chain(untimely.iter().copied()) {
            match self.ask_with(host, wanted, named, budget).await {
                Ok(granted) => {
                    let used = named.used();
                    refused.tell(host, &untimely, &used, self.clock.now(host));
                    self.warn_of_end(host, &used);
                    wanted.accepted.set(index);
                    return Ok((granted, used));
                }
                Err(error) => {
                    let credential = the_credentials(error)?;
                    // By Entra ID's clock, which is known by now if the host's is wrong.
                    match named.check_time(self.clock.now(host)) {
                        Ok(()) => refused.by_entra_id.push(credential),
                        Err(reason) => refused.untimely.add(&named.name, reason),
                    }
                }
            }
        }
        Err(refused.into_error())
    }

    /// Asks with one credential; again by Entra ID's clock where the host's is wrong, and again where Entra ID is out of reach,
    /// cannot answer, or wants to be asked later.
    async fn ask_with(
        &self,
        host: &impl Host,
        wanted: &Wanted<'_>,
        named: &Named,
        budget: &Budget,
    ) -> Result<Granted, Error> {
        let asked = endpoint::asked(host, wanted.settings);
        let mut is_corrected = false;
        let attempt = async || {
            let request = TokenRequest {
                settings: wanted.settings,
                tenant: wanted.tenant,
                named,
                claims: wanted.claims,
                timeouts: wanted.timeouts,
                assertion_time: self.clock.now(host),
            };
            let (refused, told) = match endpoint::ask(host, &request, &asked.client_request_id).await {
                Outcome::Granted(granted) => return Attempt::Done(granted),
                Outcome::NotSent(error) => return Attempt::NotMade(error),
                Outcome::Refused(refused, told) => (refused, told),
            };
            let answer = match refused {
                Refused::Said(answer) => answer,
                Refused::Unsaid(reason) => return Attempt::Failed(reason),
            };
            let is_own = matches!(named.credential, Credential::Certificate(_));
            let is_late = answer.codes.contains(&codes::ASSERTION_TIME);
            if is_own && is_late && !is_corrected && told.is_some_and(|date| self.clock.correct(host, date)) {
                is_corrected = true;
                return Attempt::Mended;
            }
            Attempt::Failed(Reason::EntraId(Box::new(EntraRefusal {
                advice: advice::on(&answer, wanted.settings, wanted.tenant, &named.used()),
                credential: named.name.clone(),
                answer,
            })))
        };
        let (granted, _) = retry::run(host, budget, &asked, true, attempt).await?;
        Ok(granted)
    }

    /// Once in the life of an instance: what is said with every token is not read.
    fn warn_of_end(&self, host: &impl Host, used: &Used) {
        let (Some(thumbprint), Some(end)) = (&used.thumbprint, used.expires_at) else {
            return;
        };
        if !used.ends_soon(self.clock.now(host)) || self.warned.borrow().contains(thumbprint) {
            return;
        }
        log::note(
            host,
            format_args!(
                "the certificate with thumbprint {thumbprint} ({}) ends on {}: register its successor and set that beside it",
                used.name,
                date::format(end)
            ),
        );
        let mut warned = self.warned.borrow_mut();
        if warned.len() >= MAX_WARNED {
            warned.pop_front();
        }
        warned.push_back(thumbprint.clone());
    }
}

/// A token request that was refused for its credential.
struct RefusedCredential {
    asked: Asked,
    attempts: u32,
    refusal: EntraRefusal,
}

/// The refusal in an error, where it lies in the credential, so that another may be accepted. `invalid_client` alone also stands
/// for what no credential can mend, so that the numbers count.
///
/// # Errors
/// Any other error.
fn the_credentials(error: Error) -> Result<RefusedCredential, Error> {
    let failed = match error {
        Error::Failed(failed) => *failed,
        error => return Err(error),
    };
    match failed {
        Failed {
            asked,
            attempts,
            reason: Reason::EntraId(refusal),
            ..
        } if codes::has(&refusal.answer.codes, Consequence::NextCredential) => Ok(RefusedCredential {
            asked,
            attempts,
            refusal: *refusal,
        }),
        failed => Err(failed.into()),
    }
}

/// The credentials that were refused.
#[derive(Default)]
struct RefusedCredentials {
    by_entra_id: Vec<RefusedCredential>,
    /// Those that are out of time, which says more than Entra ID's words.
    untimely: Faults,
}

impl RefusedCredentials {
    /// Says which credentials did not serve, now that another does.
    fn tell(&self, host: &impl Host, untimely: &[(usize, &Named)], used: &Used, now: u64) {
        for RefusedCredential { asked, refusal, .. } in &self.by_entra_id {
            let (refused, id) = (&refusal.credential, &asked.client_request_id);
            let said = refusal.answer.summary();
            log::note(
                host,
                format_args!(
                    "{refused} was refused, {} is used: {said} (client request id {id})",
                    used.name
                ),
            );
        }
        for (_, named) in untimely {
            if let Err(reason) = named.check_time(now) {
                log::note(host, format_args!("{} {reason}; {} is used", named.name, used.name));
            }
        }
    }

    /// The first refusal, whose advice also names the others.
    fn into_error(self) -> Error {
        let mut refusals = self.by_entra_id.into_iter();
        let Some(first) = refusals.next() else {
            return self.untimely.into_settings_error();
        };
        let refused = refusals.map(|RefusedCredential { refusal, .. }| {
            let codes: Vec<String> = refusal
                .answer
                .codes
                .iter()
                .map(|code| format!("AADSTS{code}"))
                .collect();
            format!("{} was also refused ({})", refusal.credential, codes.join(", "))
        });
        let untimely = self
            .untimely
            .iter()
            .map(|fault| format!("{} {}", fault.field, fault.reason));
        let RefusedCredential {
            asked,
            attempts,
            mut refusal,
        } = first;
        let sentences: Vec<String> = refusal
            .advice
            .take()
            .into_iter()
            .chain(refused)
            .chain(untimely)
            .collect();
        refusal.advice = (!sentences.is_empty()).then(|| sentences.join("; "));
        Error::from(Failed {
            asked,
            attempts,
            reason: Reason::EntraId(Box::new(refusal)),
            note: None,
        })
    }
}
