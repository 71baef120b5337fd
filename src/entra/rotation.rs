//! A token from the first credential that Entra ID accepts, so that an old and a new one can stand side by side while one takes
//! the other's place.

use std::cell::{Cell, RefCell};

use serde_json::Value;

use super::clock::Clock;
use super::endpoint::{Granted, TokenRequest};
use super::{advice, endpoint};
use crate::attempts::{Attempts, counted};
use crate::contract::types::{EntraError, Error, UsedCredential};
use crate::credential::{Credential, Named, ends_soon};
use crate::error::{Faults, date, one_line};
use crate::host::{Host, Timeouts};
use crate::log;
use crate::retry::Budget;
use crate::settings::Settings;

/// Tries the credentials of settings, by what has been learned in the life of the instance.
#[derive(Default)]
pub struct Rotation {
    /// Entra ID's time.
    clock: Clock,
    /// The thumbprints of the certificates that were warned about.
    warned: RefCell<Vec<String>>,
}

/// What a token is asked for.
pub struct Wanted<'a> {
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
    pub async fn obtain(
        &self,
        host: &impl Host,
        wanted: &Wanted<'_>,
        budget: &Budget,
    ) -> Result<(Granted, UsedCredential), Error> {
        let credentials = &wanted.settings.credentials;
        let first = wanted.accepted.get();
        let others = (0..credentials.len()).filter(|index| *index != first);
        let in_order = std::iter::once(first)
            .chain(others)
            .filter_map(|index| Some((index, credentials.get(index)?)));
        let now = self.clock.now(host);
        let (timely, untimely): (Vec<_>, Vec<_>) = in_order.partition(|(_, named)| named.check_time(now).is_ok());
        let mut refused = Refused::default();
        for (index, named) in timely.into_iter().chain(untimely.iter().copied()) {
            match self.ask_with(host, wanted, named, budget).await {
                Ok(granted) => {
                    let used = named.used();
                    refused.tell(&untimely, &used, self.clock.now(host));
                    self.warn_of_end(host, &used);
                    wanted.accepted.set(index);
                    return Ok((granted, used));
                }
                Err(Error::EntraId(error)) if is_the_credentials(&error) => {
                    // By Entra ID's clock, which is known by now if the host's is wrong.
                    match named.check_time(self.clock.now(host)) {
                        Ok(()) => refused.by_entra_id.push(error),
                        Err(reason) => refused.untimely.add(&named.name, reason),
                    }
                }
                Err(error) => return Err(error),
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
        let mut attempts = Attempts::default();
        let mut is_corrected = false;
        loop {
            attempts.begin();
            let request = TokenRequest {
                settings: wanted.settings,
                tenant: wanted.tenant,
                named,
                claims: wanted.claims,
                timeouts: wanted.timeouts,
                assertion_time: self.clock.now(host),
            };
            let (outcome, date) = endpoint::ask(host, &request).await;
            let mut error = match outcome {
                Ok(granted) => return Ok(granted),
                Err(error) => error,
            };
            if let Error::EntraId(refusal) = &mut error {
                let is_own = matches!(named.credential, Credential::Certificate(_));
                let is_late = refusal.error_codes.contains(&ASSERTION_TIME);
                if is_own && is_late && !is_corrected && date.is_some_and(|date| self.clock.correct(host, date)) {
                    is_corrected = true;
                    continue;
                }
                refusal.credential.clone_from(&named.name);
                refusal.advice = advice::on(refusal, wanted.settings, wanted.tenant, &named.used());
            }
            if !attempts.wait(host, budget, &error, true).await {
                return Err(counted(error, attempts.made()));
            }
        }
    }

    /// Once in the life of an instance: what is said with every token is not read.
    fn warn_of_end(&self, host: &impl Host, used: &UsedCredential) {
        let (Some(thumbprint), Some(end)) = (&used.thumbprint, used.expires_at) else {
            return;
        };
        if !ends_soon(used, self.clock.now(host)) || self.warned.borrow().contains(thumbprint) {
            return;
        }
        log::note(format_args!(
            "the certificate with thumbprint {thumbprint} ({}) ends on {}: register its successor and set that beside it",
            used.name,
            date(end)
        ));
        self.warned.borrow_mut().push(thumbprint.clone());
    }
}

/// AADSTS700024: the assertion is not valid at this time.
const ASSERTION_TIME: u32 = 700_024;

/// Whether a refusal lies in the credential, so that another may be accepted: the numbers are needed here, since
/// `invalid_client` alone also stands for what no credential can mend.
fn is_the_credentials(error: &EntraError) -> bool {
    const CODES: [u32; 16] = [
        700_027,        // not registered, or a wrong signature
        1_000_502,      // outside its validity
        7_000_214,      // revoked
        7_000_274,      // revocation unknown
        7_000_277,      // revoked
        7_000_215,      // wrong secret
        7_000_222,      // expired secret
        5_002_730,      // a key for another algorithm
        ASSERTION_TIME, // an assertion from elsewhere that has expired
        700_021,        // an assertion for another application
        70_021,         // no federated credential fits
        700_211,        // issuer
        700_212,        // audience
        700_213,        // subject
        7_002_137,      // federated, case
        7_002_138,      // federated, case
    ];
    error.error_codes.iter().any(|code| CODES.contains(code))
}

/// The credentials that were refused.
#[derive(Default)]
struct Refused {
    by_entra_id: Vec<EntraError>,
    /// Those that are out of time, which says more than Entra ID's words.
    untimely: Faults,
}

impl Refused {
    /// Says which credentials did not serve, now that another does.
    fn tell(&self, untimely: &[(usize, &Named)], used: &UsedCredential, now: u64) {
        for refusal in &self.by_entra_id {
            log::note(format_args!(
                "{} was refused, {} is used: {}",
                refusal.credential,
                used.name,
                one_line(&refusal.description)
            ));
        }
        for (_, named) in untimely {
            if let Err(reason) = named.check_time(now) {
                log::note(format_args!("{} {reason}; {} is used", named.name, used.name));
            }
        }
    }

    /// The first refusal, whose advice also names the others.
    fn into_error(self) -> Error {
        let mut refusals = self.by_entra_id.into_iter();
        let Some(mut first) = refusals.next() else {
            return self.untimely.into_settings_error();
        };
        let refused = refusals.map(|refusal| {
            let codes: Vec<String> = refusal.error_codes.iter().map(|code| format!("AADSTS{code}")).collect();
            format!("{} was also refused ({})", refusal.credential, codes.join(", "))
        });
        let untimely = self
            .untimely
            .iter()
            .map(|fault| format!("{} {}", fault.field, fault.reason));
        let sentences: Vec<String> = first.advice.take().into_iter().chain(refused).chain(untimely).collect();
        if !sentences.is_empty() {
            first.advice = Some(sentences.join("; "));
        }
        Error::EntraId(first)
    }
}
