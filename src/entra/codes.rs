//! The AADSTS codes that an application meets, and what each leads to (Microsoft's page "Microsoft Entra authentication and
//! authorization error codes", <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>; docs/facts/entra.md, 3). The
//! numbers may change, as that page says: a code that is not in the table ends the attempt, and the error has Entra ID's own words.

/// What follows from a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// It lies in this credential, so that another may be accepted.
    NextCredential,
    /// It passes: Entra ID wants to be asked again.
    ComeBack,
    /// Entra ID wants fewer requests.
    Throttled,
    /// No credential can mend it.
    End,
}

/// What a sentence of advice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    WrongSecret,
    ExpiredSecret,
    UnregisteredCertificate,
    UntrustedCertificate,
    ExpiredCertificate,
    WeakKey,
    Algorithm,
    AssertionTime,
    AssertionApplication,
    AssertionAudience,
    AssertionForm,
    Federation,
    FederationKind,
    FederationPolicy,
    UnknownApplication,
    NotConsented,
    DisabledApplication,
    PublicClient,
    UnknownTenant,
    AnotherCloud,
    Resource,
    Scope,
    ConditionalAccess,
    TenantRestriction,
    RegionalEndpoint,
    ChangedRequest,
    Loop,
    /// There is nothing to do but to wait.
    None,
}

/// AADSTS700024: the assertion is not valid at this time.
pub(super) const ASSERTION_TIME: u32 = 700_024;

/// Whether one of the codes has this consequence.
pub(super) fn has(codes: &[u32], consequence: Consequence) -> bool {
    codes
        .iter()
        .filter_map(|code| look_up(*code))
        .any(|(found, _)| found == consequence)
}

/// What the first known of the codes is about.
pub(super) fn topic(codes: &[u32]) -> Option<Topic> {
    codes.iter().find_map(|code| look_up(*code)).map(|(_, topic)| topic)
}

fn look_up(code: u32) -> Option<(Consequence, Topic)> {
    use Consequence::{ComeBack, End, NextCredential, Throttled};
    Some(match code {
        70_002 | 7_000_215 => (NextCredential, Topic::WrongSecret),
        7_000_222 => (NextCredential, Topic::ExpiredSecret),
        50_006 | 50_012 | 700_027 | 700_030 => (NextCredential, Topic::UnregisteredCertificate),
        50_017 | 7_000_214 | 7_000_274 | 7_000_277 => (NextCredential, Topic::UntrustedCertificate),
        1_000_502 => (NextCredential, Topic::ExpiredCertificate),
        50_032 => (NextCredential, Topic::WeakKey),
        5_002_730 => (NextCredential, Topic::Algorithm),
        ASSERTION_TIME => (NextCredential, Topic::AssertionTime),
        700_021 => (NextCredential, Topic::AssertionApplication),
        // The page has it as a scope without a resource; what comes with it in practice is about the assertion's audience.
        700_023 => (NextCredential, Topic::AssertionAudience),
        50_027 | 50_048 | 900_384 => (NextCredential, Topic::AssertionForm),
        70_021 | 70_025 | 700_211 | 700_212 | 700_213 | 7_002_121 | 7_002_137 | 7_002_138 => {
            (NextCredential, Topic::Federation)
        }
        700_222 | 700_226 | 700_227 | 700_229 | 700_236 => (NextCredential, Topic::FederationKind),
        700_223 | 700_238 | 7_002_381 => (NextCredential, Topic::FederationPolicy),
        50_033 | 90_006 | 90_012 | 90_024 | 90_033 | 90_090 | 90_091 => (ComeBack, Topic::None),
        90_055 => (Throttled, Topic::None),
        700_011 | 700_016 => (End, Topic::UnknownApplication),
        7_000_229 => (End, Topic::NotConsented),
        70_001 | 1_000_031 | 7_000_112 => (End, Topic::DisabledApplication),
        700_025 => (End, Topic::PublicClient),
        50_059 | 90_002 => (End, Topic::UnknownTenant),
        90_038 | 90_051 | 900_382 | 900_432 => (End, Topic::AnotherCloud),
        50_001 | 500_011 | 650_052 | 650_057 => (End, Topic::Resource),
        28_002 | 70_011 | 700_022 | 1_002_012 => (End, Topic::Scope),
        53_003 | 530_032 => (End, Topic::ConditionalAccess),
        50_002 | 500_021 | 500_022 => (End, Topic::TenantRestriction),
        100_007 => (End, Topic::RegionalEndpoint),
        90_014 | 900_144 | 900_561 | 7_000_218 | 9_002_313 => (End, Topic::ChangedRequest),
        50_196 => (End, Topic::Loop),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_code_counts_for_the_advice_and_any_for_the_rest() {
        assert_eq!(topic(&[1, 70_002, 50_012]), Some(Topic::WrongSecret));
        assert!(has(&[1, 90_055], Consequence::Throttled) && !has(&[1], Consequence::End));
        assert_eq!(topic(&[]), None);
    }
}
