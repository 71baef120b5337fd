//! Behaviour of the service that is not documented, or that tests change.

/// The status of a batch that stopped at its first failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchFailureStatus {
    /// The status of the failure:
    /// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api>
    /// prints 400 for a 400. Guess: that other statuses are used in the same way.
    #[default]
    OfTheFailure,
    /// 200, as with `odata.continue-on-error`. Not documented; some clients expect it.
    Ok,
}

/// The format of the answer to a batch. The default is as documented. Each field selects a variation that
/// RFC 2046 allows or that was observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchDialect {
    /// Lines end in `\n` instead of `\r\n`.
    pub bare_line_feeds: bool,
    /// `HTTP/1.1 204 ` without a reason phrase.
    pub no_reason_phrase: bool,
    /// Text before the first boundary and after the last.
    pub preamble: bool,
    /// Quotes around the boundary in `Content-Type`.
    pub quoted_boundary: bool,
    /// This boundary instead of `batchresponse_<guid>`. It is quoted if necessary.
    pub boundary: Option<String>,
    /// Each part contains its length and that of its body. The documented answers do not.
    pub content_length: bool,
    /// The failure of a change set contains the `Content-ID` of the failed request. OData 4.0, part 1,
    /// 11.7.4 has one answer for the set; it is not documented whether Dataverse identifies the request.
    pub failure_content_id: bool,
    /// A batch that stopped at a failure is answered with that failure alone, as JSON and with its status.
    pub json_failure: bool,
}

/// The format of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"error":{"code","message"}}`, with the requested annotations.
    #[default]
    Standard,
    /// With `innererror` in it, as before 2020 (docs/facts/dataverse.md, 1.8).
    InnerError,
    /// `{"Message","ExceptionMessage","ExceptionType","StackTrace","ErrorCode"}`, as from the layers below
    /// the Web API (docs/facts/dataverse.md, 1.8).
    Flat,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) batch_failure_status: BatchFailureStatus,
    pub(crate) batch_dialect: BatchDialect,
    pub(crate) error_shape: ErrorShape,
    /// The size of upload chunks, in bytes.
    pub(crate) chunk_size: u64,
    pub(crate) refuse_repeated_chunks: bool,
    /// In bytes.
    pub(crate) largest_file: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            batch_failure_status: BatchFailureStatus::default(),
            batch_dialect: BatchDialect::default(),
            error_shape: ErrorShape::default(),
            // docs/facts/dataverse.md, 1.5
            chunk_size: 4_194_304,
            refuse_repeated_chunks: false,
            // Guess: real columns have their own limit, in `MaxSizeInKB`.
            largest_file: 128 * 1024 * 1024,
        }
    }
}
