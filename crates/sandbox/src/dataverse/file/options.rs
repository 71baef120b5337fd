//! The headers and query options of a request for a file column.

use http::StatusCode;

use crate::dataverse::call::Call;
use crate::dataverse::refusal::Refusal;

/// The header takes precedence over the query and is ASCII only
/// (<https://learn.microsoft.com/power-apps/developer/data-platform/file-column-data>). Guess: how other
/// names are refused.
pub(super) fn name(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let name = match call.request.headers.get("x-ms-file-name") {
        Some(value) => {
            let name = value
                .to_str()
                .map_err(|_| refused("The header x-ms-file-name is not ASCII."))?;
            Some(name.to_string())
        }
        None => option(call, "x-ms-file-name"),
    };
    Ok(name.filter(|name| !name.is_empty()))
}

/// docs/facts/dataverse.md, 1.5. Guess: how another type is refused.
pub(super) fn demand_bytes(call: &Call<'_>) -> Result<(), Refusal> {
    let content_type = call.request.header("content-type").unwrap_or_default();
    if content_type.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(());
    }
    Err(refused(format!(
        "The Content-Type of a file must be 'application/octet-stream'; it is '{content_type}'."
    )))
}

pub(super) fn option(call: &Call<'_>, name: &str) -> Option<String> {
    form_urlencoded::parse(call.request.query.as_bytes())
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}

pub(super) fn refuse_options(call: &Call<'_>, known: &[&str]) -> Result<(), Refusal> {
    for (name, _) in form_urlencoded::parse(call.request.query.as_bytes()) {
        if name != "tag" && !known.contains(&&*name) {
            return Err(Refusal::unsupported(format_args!("the query option '{name}' here")));
        }
    }
    Ok(())
}

/// Guess: the code is that of an invalid argument (docs/facts/dataverse.md, 1.8), and all these texts.
pub(super) fn refused(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "0x80040203", message)
}
