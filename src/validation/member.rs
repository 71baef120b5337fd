//! Checks with `WhoAmI` that the environment accepts the application.

use super::lines::{Finding, Lines};
use crate::dataverse::client::Connection;
use crate::dataverse::whoami::Identity;
use crate::error::{DataverseRefusal, Error, Reason};
use crate::host::Host;

/// Reports whether the token is accepted and the application has a user; `None` if not.
///
/// # Errors
/// If Dataverse's answer decides neither.
pub(super) async fn whoami(
    connection: &Connection,
    host: &impl Host,
    lines: &mut Lines,
) -> Result<Option<Identity>, Error> {
    let settings = connection.settings();
    let refused = |refusal: &DataverseRefusal| Finding {
        advice: refusal.advice.clone(),
        ..Finding::of(false, refusal.summary(), "")
    };
    let audience = Some(format!("accepted by {}", settings.environment));
    let user = Some(format!("WhoAmI returns the application user of {}", settings.client_id));
    let audience_of_token = settings.scope.strip_suffix("/.default").unwrap_or(&settings.scope);
    match connection.whoami(host).await {
        Ok(identity) => {
            lines.add(
                "audience",
                audience,
                Finding::of(true, format!("{audience_of_token}, accepted"), ""),
            );
            lines.add(
                "application-user",
                user,
                Finding::of(true, identity.user_id.clone(), ""),
            );
            Ok(Some(identity))
        }
        Err(Error::Failed(failed)) => match &failed.reason {
            Reason::Dataverse(refusal) if refusal.status == 401 => {
                let finding = refused(refusal);
                let found = format!("{audience_of_token}: {}", finding.found);
                lines.add("audience", audience, Finding { found, ..finding });
                Ok(None)
            }
            // A 403 without a code is not from Dataverse, but from an intermediary.
            Reason::Dataverse(refusal) if refusal.status == 403 && !refusal.code.is_empty() => {
                lines.add("application-user", user, refused(refusal));
                Ok(None)
            }
            _ => Err(Error::Failed(failed)),
        },
        Err(error) => Err(error),
    }
}
