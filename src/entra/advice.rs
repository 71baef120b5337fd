//! What to do about a refusal of Entra ID, in a sentence.

use super::codes::{self, Topic};
use crate::credential::Used;
use crate::error::EntraAnswer;
use crate::settings::Settings;

/// The sentence for an error, if there is one for its codes.
pub(super) fn on(answer: &EntraAnswer, settings: &Settings, tenant: &str, credential: &Used) -> Option<String> {
    let names = settings.names;
    let name = &credential.name;
    let client_id = &settings.client_id;
    let resource = settings.scope.strip_suffix("/.default").unwrap_or(&settings.scope);
    let thumbprint = credential.thumbprint.as_deref().unwrap_or("unknown");
    let certificate = || format!("the certificate with thumbprint {thumbprint} ({name})");
    Some(match codes::topic(&answer.codes)? {
        Topic::WrongSecret => format!(
            "{name} is not a secret of application {client_id}: give the secret's value, which is shown once when it is made, \
             not its id"
        ),
        Topic::ExpiredSecret => format!(
            "{name} has expired: make a new secret for application {client_id}, or better, register a certificate"
        ),
        Topic::UnregisteredCertificate => format!(
            "upload {} to application {client_id} under Certificates & secrets; if the application trusts subject name and issuer \
             instead, set {} to true",
            certificate(),
            names.send_chain
        ),
        Topic::UntrustedCertificate => format!(
            "{} was revoked or cannot be checked: register a new one for application {client_id}",
            certificate()
        ),
        Topic::ExpiredCertificate => format!(
            "{} is outside its validity: register a new one for application {client_id}",
            certificate()
        ),
        Topic::WeakKey => format!("the key of {} is too short: make one of 2048 bits or more", certificate()),
        Topic::Algorithm => format!(
            "the key of {name} cannot be used with this algorithm: set {} to RS256",
            names.algorithm
        ),
        Topic::AssertionTime => format!(
            "the assertion of {name} is not valid at this time: check the host's clock, or, if another identity provider made it, \
             get a new one"
        ),
        Topic::AssertionApplication => format!(
            "the assertion of {name} is for another application than {client_id}: check {}",
            names.client_id
        ),
        Topic::AssertionAudience => format!(
            "the assertion of {name} is for another address than Entra ID takes for its own: leave {} out, so that it follows from \
             the environment, or, if another identity provider made the assertion, correct its audience; or else the scope is \
             wrong: leave {} out",
            names.authority, names.scope
        ),
        Topic::AssertionForm => format!(
            "the assertion of {name} is malformed, is signed by an unknown key, or its issuer and subject do not fit: get a new one"
        ),
        Topic::Federation => format!(
            "no federated credential of application {client_id} fits {name}: its issuer, subject and audience must be those of \
             the assertion, in the same case"
        ),
        Topic::FederationKind => format!(
            "{name} is a token of a kind or a tenant that application {client_id} cannot sign in with: take the token of a managed \
             identity of the application's own tenant, for the exchange audience"
        ),
        Topic::FederationPolicy => format!(
            "a policy of tenant {tenant} does not allow {name}: its administrator must allow this issuer, or use a certificate"
        ),
        Topic::UnknownApplication => format!(
            "application {client_id} is not in tenant {tenant}: check {} and {}, which the overview of the app registration \
             shows side by side",
            names.client_id, names.tenant_id
        ),
        Topic::NotConsented => format!(
            "application {client_id} has no service principal in tenant {tenant}: an administrator of that tenant must consent to it"
        ),
        Topic::DisabledApplication => {
            format!("application {client_id} is disabled in tenant {tenant}: an administrator can enable it again")
        }
        Topic::PublicClient => format!(
            "application {client_id} is registered as a public client, which has no credentials: turn public client flows off in \
             its registration"
        ),
        Topic::UnknownTenant => format!(
            "tenant {tenant} is not known to {}: check {}, and whether this is the environment's cloud",
            settings.authority, names.tenant_id
        ),
        Topic::AnotherCloud => format!(
            "application {client_id} belongs to another cloud than {}: check {} and {}",
            settings.authority, names.authority, names.environment_url
        ),
        Topic::Resource => format!(
            "is {resource} exactly this environment's URL, and does the environment belong to tenant {tenant}? Check {} and {}",
            names.environment_url, names.tenant_id
        ),
        Topic::Scope => format!(
            "the scope {} is not one for client credentials: leave {} out, so that it follows from the environment",
            settings.scope, names.scope
        ),
        Topic::ConditionalAccess => format!(
            "a Conditional Access policy forbids application {client_id} to sign in from here: an administrator finds it in the \
             sign-in logs by the correlation id"
        ),
        Topic::TenantRestriction => format!(
            "a proxy between this host and Entra ID restricts the tenants that may be reached: have its administrator add {tenant}"
        ),
        Topic::RegionalEndpoint => format!(
            "{} is a regional endpoint, which only Microsoft's own applications may use: leave {} out",
            settings.authority, names.authority
        ),
        Topic::ChangedRequest => {
            "Entra ID did not get the request as it was sent: something between, such as a proxy, changes the request or drops its \
             body"
                .to_owned()
        }
        Topic::Loop => "the same request was sent too often: keep the instance, so that it can keep its token".to_owned(),
        Topic::None => return None,
    })
}
