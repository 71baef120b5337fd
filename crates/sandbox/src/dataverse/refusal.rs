//! Errors of the Web API (docs/facts/dataverse.md, 1.8): `{"error":{"code","message"}}`.

use std::fmt::Display;

use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::annotations::Annotations;
use super::settings::ErrorShape;
use crate::response::{Answer, answer};
use crate::schema::Table;

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

    /// Without annotations.
    pub(crate) fn into_answer(self) -> Answer {
        self.shaped(ErrorShape::Standard, &Annotations::default())
    }

    pub(super) fn shaped(self, shape: ErrorShape, annotations: &Annotations) -> Answer {
        let body = match shape {
            ErrorShape::Standard => {
                let mut error = json!({"code": self.code, "message": self.message});
                for (name, value) in self.details() {
                    if annotations.include(name) {
                        error[format!("@{name}")] = value.into();
                    }
                }
                json!({"error": error})
            }
            // Guess: type and stack trace.
            ErrorShape::InnerError => json!({"error": {
                "code": self.code,
                "message": self.message,
                "innererror": {
                    "message": self.message,
                    "type": "Microsoft.Crm.CrmHttpException",
                    "stacktrace": "   at Microsoft.Crm.Extensibility.OData.CrmODataExecutionContext.Execute()",
                },
            }}),
            // Guess: ASP.NET's text in `Message`, and which of the values the service fills in.
            ErrorShape::Flat => json!({
                "Message": "An error has occurred.",
                "ExceptionMessage": self.message,
                "ExceptionType": "Microsoft.Crm.CrmException",
                "StackTrace": null,
                "ErrorCode": self.code,
            }),
        };
        answer(
            self.status,
            "application/json; odata.metadata=minimal",
            body.to_string(),
        )
    }

    /// Names and forms:
    /// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/compose-http-requests-handle-errors>,
    /// "Include more details with errors", which shows them on a plug-in's error. Guess: that other errors
    /// contain all of them too, and a trace.
    fn details(&self) -> [(&'static str, String); 5] {
        let code = self.code.trim_start_matches("0x");
        [
            ("Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus", "0".into()),
            (
                "Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode",
                "-2146233088".into(),
            ),
            (
                "Microsoft.PowerApps.CDS.HelpLink",
                format!(
                    "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{code}&client=platform"
                ),
            ),
            (
                "Microsoft.PowerApps.CDS.TraceText",
                format!(
                    "\r\n[Sandbox: Sandbox.Request]\r\nThe request was refused with {}.\r\n",
                    self.status
                ),
            ),
            ("Microsoft.PowerApps.CDS.InnerError.Message", self.message.clone()),
        ]
    }

    /// The sandbox's own refusal, instead of a wrong answer.
    pub(crate) fn unsupported(what: impl Display) -> Refusal {
        let message = format!("The sandbox does not support {what}. The real service may support it.");
        Refusal::new(StatusCode::NOT_IMPLEMENTED, "sandbox", message)
    }

    /// A request that the OData library cannot parse: 400, 0x80060888 as recorded (docs/facts/dataverse.md,
    /// 1.8).
    pub(crate) fn query(message: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, "0x80060888", message)
    }

    /// Text:
    /// <https://learn.microsoft.com/troubleshoot/power-platform/dataverse/dataverse-web-api-and-sdk/web-api-client-errors>.
    pub(crate) fn no_such_column(name: &str, table: &Table) -> Refusal {
        let kind = table.logical_name;
        Refusal::query(format!(
            "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{kind}'."
        ))
    }

    /// Status and text: the same page, which prints the code as 0x8006088a. Real answers contain
    /// 0x80060888.
    pub(crate) fn no_such_segment(segment: &str) -> Refusal {
        let message = format!("Resource not found for the segment '{segment}'.");
        Refusal::new(StatusCode::NOT_FOUND, "0x80060888", message)
    }

    /// Status, empty code and text: the same page.
    pub(crate) fn no_such_resource(url: &str) -> Refusal {
        let message = format!("No HTTP resource was found that matches the request URI '{url}'.");
        Refusal::new(StatusCode::NOT_FOUND, "", message)
    }

    /// docs/facts/dataverse.md, 1.8. Guess: the text's capitals, as seen in reports.
    pub(crate) fn no_such_row(table: &Table, id: Uuid) -> Refusal {
        let message = format!("{} With Id = {id} Does Not Exist", table.logical_name);
        Refusal::new(StatusCode::NOT_FOUND, "0x80040217", message)
    }

    /// docs/facts/dataverse.md, 1.8, 405. Guess: the empty code and the text, which are ASP.NET's.
    pub(crate) fn method_not_allowed(method: &http::Method) -> Refusal {
        let message = format!("The requested resource does not support http method '{method}'.");
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "", message)
    }

    /// A body that does not fit the table. Code and frame:
    /// <https://learn.microsoft.com/troubleshoot/power-platform/dataverse/dataverse-web-api-and-sdk/web-api-client-errors>.
    /// Guess: one code for all such faults; older samples print 0x0.
    pub(crate) fn payload(table: &Table, reason: impl Display) -> Refusal {
        let message = format!(
            "Error identified in Payload provided by the user for Entity :'{}'  ---->  InnerException : \
             Microsoft.OData.ODataException: {reason}",
            table.entity_set
        );
        Refusal::new(StatusCode::BAD_REQUEST, "0x80048d19", message)
    }

    /// docs/facts/dataverse.md, 1.8, 0x80060882.
    pub(crate) fn version_mismatch() -> Refusal {
        let message = "The version of the existing record doesn't match the RowVersion property provided.";
        Refusal::new(StatusCode::PRECONDITION_FAILED, "0x80060882", message)
    }

    /// 412 for `If-None-Match: *` (docs/facts/dataverse.md, 1.3), text from
    /// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/perform-conditional-operations-using-web-api>,
    /// which prints an empty code. 0x80040237 (DuplicateRecord) is the code that real answers contain with
    /// this text.
    pub(crate) fn row_exists() -> Refusal {
        let message = "A record with matching key values already exists.";
        Refusal::new(StatusCode::PRECONDITION_FAILED, "0x80040237", message)
    }
}
