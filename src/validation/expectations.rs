//! Validates expectations, and formats observed permissions for the gateway.

use super::report::Expectation;
use super::verbs::Verb;
use crate::error::Error;
use crate::faults::Faults;

/// The tables that are checked if there are no expectations.
const USUAL: [&str; 4] = ["contacts", "leads", "opportunities", "accounts"];

/// A permission to check.
pub(super) struct ToCheck {
    pub set: String,
    pub verb: Verb,
    /// `None`: no expectation.
    pub allowed: Option<bool>,
}

/// Validates a caller's expectations.
pub(super) fn wanted(expectations: Vec<Expectation>) -> Result<Vec<ToCheck>, Error> {
    if expectations.is_empty() {
        let usual = USUAL.iter().flat_map(|set| {
            Verb::ALL.iter().map(|verb| ToCheck {
                set: (*set).to_owned(),
                verb: *verb,
                allowed: None,
            })
        });
        return Ok(usual.collect());
    }
    let mut faults = Faults::default();
    for (index, expectation) in expectations.iter().enumerate() {
        if !is_name(&expectation.entity_set) {
            let place = format!("expectations[{index}].entity-set");
            faults.add(&place, "is not the name of an entity set, such as contacts");
        }
    }
    if !faults.is_empty() {
        return Err(faults.into_request_error());
    }
    let wanted = expectations.into_iter().map(|expectation| ToCheck {
        set: expectation.entity_set,
        verb: expectation.verb,
        allowed: Some(expectation.allowed),
    });
    Ok(wanted.collect())
}

/// Whether a text can be the name of an entity set. Nothing else may pass: the name becomes part of a URL.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The allowed permissions, as a value for `GATEWAY_ALLOW`.
pub(super) fn gateway_allow(observed: &[Expectation]) -> String {
    let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
    for expectation in observed.iter().filter(|expectation| expectation.allowed) {
        let set = expectation.entity_set.as_str();
        let method = expectation.verb.method().to_string();
        match tables.iter_mut().find(|(name, _)| *name == set) {
            Some((_, methods)) if methods.contains(&method) => {}
            Some((_, methods)) => methods.push(method),
            None => tables.push((set, vec![method])),
        }
    }
    let tables = tables
        .iter()
        .map(|(set, methods)| format!("{set}:{}", methods.join(",")));
    tables.collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_other_url_characters() {
        for name in ["contacts", "new_projects", "A1"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "contacts(1)",
            "contacts/x",
            "$batch",
            "contacts?$top=1",
            "a b",
            "é",
            &"x".repeat(129),
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_allowed_is_written_for_the_gateway() {
        let observed = |set: &str, verb, allowed| Expectation {
            entity_set: set.to_owned(),
            verb,
            allowed,
        };
        let all = [
            observed("contacts", Verb::Create, true),
            observed("contacts", Verb::Read, true),
            observed("leads", Verb::Write, true),
            observed("contacts", Verb::Read, true),
            observed("contacts", Verb::Delete, false),
            observed("accounts", Verb::Delete, false),
            observed("leads", Verb::Delete, true),
        ];
        assert_eq!(gateway_allow(&all), "contacts:POST,GET;leads:PATCH,DELETE");
        assert_eq!(gateway_allow(&[]), "");
    }
}
