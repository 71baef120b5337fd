//! How the service behaves where nothing says how, or where tests want it otherwise.

/// The status of a batch that stopped at its first failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchFailureStatus {
    /// That of the failure:
    /// <https://learn.microsoft.com/power-apps/developer/data-platform/webapi/execute-batch-operations-using-web-api>
    /// prints 400 for a 400. That another failure's status is passed on in the same way is a guess.
    #[default]
    OfTheFailure,
    /// 200, as with `odata.continue-on-error`. Not documented; some clients expect it.
    Ok,
}

/// How the answer to a batch is written. The default is as documented; each field makes a reader's life harder, within
/// what RFC 2046 allows or has been seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchDialect {
    /// `\n` ends lines, not `\r\n`.
    pub bare_line_feeds: bool,
    /// `HTTP/1.1 204 ` and nothing behind it.
    pub no_reason_phrase: bool,
    /// Text before the first boundary and behind the last.
    pub preamble: bool,
    /// Quotes around the boundary in `Content-Type`.
    pub quoted_boundary: bool,
    /// This boundary in place of `batchresponse_<guid>`. It is quoted where it has to be.
    pub boundary: Option<String>,
    /// Each part says how long it and its body are. The documented answers do not.
    pub content_length: bool,
    /// The failure of a change set carries the `Content-ID` of the request that failed. OData 4.0, part 1, 11.7.4 has
    /// one answer in place of the set; whether Dataverse says which request it was is not documented.
    pub failure_content_id: bool,
    /// A batch that stopped at a failure is answered with that failure alone, as JSON and with its status.
    pub json_failure: bool,
}

/// How an error is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"error":{"code","message"}}`, with the annotations that were asked for.
    #[default]
    Standard,
    /// With `innererror` in it, as before 2020 (docs/facts/dataverse.md, 1.8).
    InnerError,
    /// `{"Message","ExceptionMessage","ExceptionType","StackTrace","ErrorCode"}`, as from below the Web API
    /// (docs/facts/dataverse.md, 1.8).
    Flat,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) batch_failure_status: BatchFailureStatus,
    pub(crate) batch_dialect: BatchDialect,
    pub(crate) error_shape: ErrorShape,
    /// Of uploads, in bytes.
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
