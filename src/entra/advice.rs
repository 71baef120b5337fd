//! What to do about a refusal of Entra ID: a sentence for each of the codes that people meet (Microsoft's page "Microsoft Entra
//! authentication and authorization error codes").

use crate::credential::Used;
use crate::error::EntraAnswer;
use crate::settings::Settings;

/// The sentence for an error, if there is one for its codes.
pub(super) fn on(answer: &EntraAnswer, settings: &Settings, tenant: &str, credential: &Used) -> Option<String> {
    answer
        .codes
        .iter()
        .find_map(|code| sentence(*code, settings, tenant, credential))
}

fn sentence(code: u32, settings: &Settings, tenant: &str, credential: &Used) -> Option<String> {
    let names = settings.names;
    let name = &credential.name;
    let client_id = &settings.client_id;
    let resource = settings.scope.strip_suffix("/.default").unwrap_or(&settings.scope);
    let thumbprint = credential.thumbprint.as_deref().unwrap_or("unknown");
    Some(match code {
        7_000_215 => format!(
            "{name} is not a secret of application {client_id}: give the secret's value, which is shown once when it is made, \
             not its id"
        ),
        7_000_222 => format!(
            "{name} has expired: make a new secret for application {client_id}, or better, register a certificate"
        ),
        700_027 => format!(
            "upload the certificate with thumbprint {thumbprint} ({name}) to application {client_id} under Certificates & secrets; \
             if the application trusts subject name and issuer instead, set {} to true",
            names.send_chain
        ),
        7_000_214 | 7_000_274 | 7_000_277 => format!(
            "the certificate with thumbprint {thumbprint} ({name}) was revoked or cannot be checked: register a new one for \
             application {client_id}"
        ),
        1_000_502 => format!(
            "the certificate with thumbprint {thumbprint} ({name}) is outside its validity: register a new one for application \
             {client_id}"
        ),
        700_016 => format!(
            "application {client_id} is not in tenant {tenant}: check {} and {}, which the overview of the app registration \
             shows side by side",
            names.client_id, names.tenant_id
        ),
        7_000_229 => format!(
            "application {client_id} has no service principal in tenant {tenant}: an administrator of that tenant must consent to it"
        ),
        7_000_112 => {
            format!("application {client_id} is disabled in tenant {tenant}: an administrator can enable it again")
        }
        90_002 => format!(
            "tenant {tenant} is not known to {}: check {}, and whether this is the environment's cloud",
            settings.authority, names.tenant_id
        ),
        500_011 => format!(
            "is {resource} exactly this environment's URL, and does the environment belong to tenant {tenant}? Check {} and {}",
            names.environment_url, names.tenant_id
        ),
        1_002_012 | 70_011 => format!(
            "the scope {} is not one for client credentials: leave {} out, so that it follows from the environment",
            settings.scope, names.scope
        ),
        700_024 => format!(
            "the assertion of {name} is not valid at this time: check the host's clock, or, if another identity provider made it, \
             get a new one"
        ),
        700_021 => format!(
            "the assertion of {name} is for another application than {client_id}: check {}",
            names.client_id
        ),
        700_023 => format!(
            "the assertion is for another address than Entra ID takes for its own: leave {} out, so that it follows from the \
             environment",
            names.authority
        ),
        5_002_730 => format!(
            "the key of {name} cannot be used with this algorithm: set {} to RS256",
            names.algorithm
        ),
        70_021 | 700_211 | 700_212 | 700_213 | 7_002_137 | 7_002_138 => format!(
            "no federated credential of application {client_id} fits {name}: its issuer, subject and audience must be those of \
             the assertion, in the same case"
        ),
        53_003 => format!(
            "a Conditional Access policy forbids application {client_id} to sign in from here: an administrator finds it in the \
             sign-in logs by the correlation id"
        ),
        90_038 | 900_382 => format!(
            "application {client_id} belongs to another cloud than {}: check {} and {}",
            settings.authority, names.authority, names.environment_url
        ),
        50_196 => "the same request was sent too often: keep the instance, so that it can keep its token".to_owned(),
        _ => return None,
    })
}
