//! Errors of the Web API (facts: dataverse 1.8): `{"error":{"code","message"}}`.

use std::fmt::Display;

use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::schema::Table;
use crate::response::{Answer, answer};

#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Refusal {
        Refusal {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    pub(crate) fn into_answer(self) -> Answer {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        answer(
            self.status,
            "application/json; odata.metadata=minimal",
            body.to_string(),
        )
    }

    /// The sandbox's own: never a wrong answer where it has none.
    pub(super) fn unsupported(what: impl Display) -> Refusal {
        let message = format!("The sandbox does not support {what}. The real service may well do.");
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "sandbox", message)
    }

    /// A request that the OData library cannot read: 400, 0x80060888 as recorded (facts: dataverse 1.8).
    pub(super) fn query(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "0x80060888", message)
    }

    /// Text: Microsoft's page "Troubleshoot Dataverse Web API client errors".
    pub(super) fn no_such_column(name: &str, table: &Table) -> Refusal {
        let kind = table.logical_name;
        Refusal::query(format!(
            "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{kind}'."
        ))
    }

    /// Status and text: the same page, which prints the code as 0x8006088a. 0x80060888 is what answers carry.
    pub(super) fn no_such_segment(segment: &str) -> Refusal {
        let message = format!("Resource not found for the segment '{segment}'.");
        Refusal::new(StatusCode::NOT_FOUND, "0x80060888", message)
    }

    /// Status, empty code and text: the same page.
    pub(super) fn no_such_resource(url: &str) -> Refusal {
        let message = format!("No HTTP resource was found that matches the request URI '{url}'.");
        Refusal::new(StatusCode::NOT_FOUND, "", message)
    }

    /// facts: dataverse 1.8. Guess: the text's capitals, as seen in reports.
    pub(super) fn no_such_row(table: &Table, id: Uuid) -> Refusal {
        let message = format!("{} With Id = {id} Does Not Exist", table.logical_name);
        Refusal::new(StatusCode::NOT_FOUND, "0x80040217", message)
    }

    /// facts: dataverse 1.8, 405. Guess: the empty code and the text, which are ASP.NET's.
    pub(super) fn method_not_allowed(method: &http::Method) -> Refusal {
        let message = format!("The requested resource does not support http method '{method}'.");
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "", message)
    }

    /// A body that does not fit the table. Code and frame: "Troubleshoot Dataverse Web API client errors".
    /// Guess: that one code stands for every such fault; older samples print 0x0.
    pub(super) fn payload(table: &Table, reason: impl Display) -> Refusal {
        let message = format!(
            "Error identified in Payload provided by the user for Entity :'{}'  ---->  InnerException : \
             Microsoft.OData.ODataException: {reason}",
            table.entity_set
        );
        Refusal::new(StatusCode::BAD_REQUEST, "0x80048d19", message)
    }

    /// facts: dataverse 1.8, 0x80060882.
    pub(super) fn version_mismatch() -> Refusal {
        let message = "The version of the existing record doesn't match the RowVersion property provided.";
        Refusal::new(StatusCode::PRECONDITION_FAILED, "0x80060882", message)
    }

    /// 412 for `If-None-Match: *` (facts: dataverse 1.3), text from DOC perform-conditional-operations, which prints
    /// an empty code. 0x80040237 (DuplicateRecord) is the code that answers carry beside this text.
    pub(super) fn row_exists() -> Refusal {
        let message = "A record with matching key values already exists.";
        Refusal::new(StatusCode::PRECONDITION_FAILED, "0x80040237", message)
    }
}
