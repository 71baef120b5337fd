//! Optional parameters of a request (docs/facts/dataverse.md, 1.3;
//! <https://learn.microsoft.com/power-apps/developer/data-platform/optional-parameters>).

use http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::call::Call;
use super::refusal::Refusal;
use super::rights;
use super::store::Store;
use crate::schema::Table;

/// Bypassing custom logic requires a privilege. The sandbox has no such logic, so nothing else changes.
/// Guess: that the refusal is that of other privileges, and the code for an unknown value.
pub(super) fn demand_bypass(call: &Call<'_>) -> Result<(), Refusal> {
    let demand = |privilege| rights::demand_named(call.user, privilege);
    let plugins = call.request.header("mscrm.bypasscustompluginexecution");
    if plugins.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        demand("prvBypassCustomPlugins")?;
    }
    if let Some(logic) = call.request.header("mscrm.bypassbusinesslogicexecution") {
        let known = |part: &str| ["CustomSync", "CustomAsync"].contains(&part.trim());
        if !logic.split(',').all(known) {
            let message = format!("The value '{logic}' of MSCRM.BypassBusinessLogicExecution is not valid.");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "0x80040203", message));
        }
        demand("prvBypassCustomBusinessLogic")?;
    }
    Ok(())
}

/// `MSCRM.SuppressDuplicateDetection: false`: 412 if another row is a duplicate. Text:
/// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/create-entity-web-api>, "Check
/// for duplicate records".
///
/// The rule is the predefined one for contacts: the same e-mail address. Guess: that other tables of the
/// sandbox have no rules, and that case is ignored.
pub(super) fn refuse_duplicate(
    call: &Call<'_>,
    table: &'static Table,
    id: Uuid,
    values: &Map<String, Value>,
    store: &Store,
) -> Result<(), Refusal> {
    let asked = call.request.header("mscrm.suppressduplicatedetection");
    if !asked.is_some_and(|value| value.eq_ignore_ascii_case("false")) || table.entity_set != "contacts" {
        return Ok(());
    }
    let email = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_lowercase);
    let Some(given) = email(values.get("emailaddress1")) else {
        return Ok(());
    };
    let same =
        |row: &&super::store::Row| row.id != id && email(row.values.get("emailaddress1")).as_ref() == Some(&given);
    match store.rows(table).find(same) {
        None => Ok(()),
        Some(_) => Err(Refusal::new(
            StatusCode::PRECONDITION_FAILED,
            "0x80040333",
            "A record was not created or updated because a duplicate of the current record already exists.",
        )),
    }
}
