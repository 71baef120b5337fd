//! The names of the settings at their source, so that each fault names the field or variable to correct.

/// The names of the settings.
#[derive(Debug)]
pub struct Names {
    pub environment_url: &'static str,
    pub tenant_id: &'static str,
    pub client_id: &'static str,
    /// All credentials, for the fault that no credential is given.
    pub credentials: &'static str,
    pub authority: &'static str,
    pub scope: &'static str,
    pub algorithm: &'static str,
    pub send_chain: &'static str,
    pub connect_timeout_ms: &'static str,
    pub first_byte_timeout_ms: &'static str,
    pub between_bytes_timeout_ms: &'static str,
    pub retry_budget_ms: &'static str,
    pub call_timeout_ms: &'static str,
    pub max_request_bytes: &'static str,
    pub max_answer_bytes: &'static str,
    pub organization_id: &'static str,
}

/// The fields of the record `settings` in `wit/types.wit`.
pub(super) const FIELDS: Names = Names {
    environment_url: "environment-url",
    tenant_id: "tenant-id",
    client_id: "client-id",
    credentials: "credentials",
    authority: "options.authority",
    scope: "options.scope",
    algorithm: "options.assertion-algorithm",
    send_chain: "options.send-certificate-chain",
    connect_timeout_ms: "options.connect-timeout-ms",
    first_byte_timeout_ms: "options.first-byte-timeout-ms",
    between_bytes_timeout_ms: "options.between-bytes-timeout-ms",
    retry_budget_ms: "options.retry-budget-ms",
    call_timeout_ms: "options.call-timeout-ms",
    max_request_bytes: "options.max-request-bytes",
    max_answer_bytes: "options.max-answer-bytes",
    organization_id: "options.organization-id",
};

/// The environment variables. `AZURE_*` are the names of the Azure SDKs, where they have one.
pub(super) const VARIABLES: Names = Names {
    environment_url: "DATAVERSE_URL",
    tenant_id: "AZURE_TENANT_ID",
    client_id: "AZURE_CLIENT_ID",
    credentials: "AZURE_CLIENT_CERTIFICATE",
    authority: "AZURE_AUTHORITY_HOST",
    scope: "DATAVERSE_SCOPE",
    algorithm: "AZURE_CLIENT_ASSERTION_ALGORITHM",
    send_chain: "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    connect_timeout_ms: "DATAVERSE_CONNECT_TIMEOUT_MS",
    first_byte_timeout_ms: "DATAVERSE_FIRST_BYTE_TIMEOUT_MS",
    between_bytes_timeout_ms: "DATAVERSE_BETWEEN_BYTES_TIMEOUT_MS",
    retry_budget_ms: "DATAVERSE_RETRY_BUDGET_MS",
    call_timeout_ms: "DATAVERSE_CALL_TIMEOUT_MS",
    max_request_bytes: "DATAVERSE_MAX_REQUEST_BYTES",
    max_answer_bytes: "DATAVERSE_MAX_ANSWER_BYTES",
    organization_id: "DATAVERSE_ORGANIZATION_ID",
};

/// The variables of a certificate and its password.
pub(super) const CERTIFICATES: [(&str, &str); 2] = [
    ("AZURE_CLIENT_CERTIFICATE", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    (
        "AZURE_CLIENT_CERTIFICATE_NEXT",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD_NEXT",
    ),
];
/// An assertion from another identity provider. The Azure SDKs read it from the file in
/// `AZURE_FEDERATED_TOKEN_FILE`; a component cannot read files.
pub(super) const ASSERTION: &str = "AZURE_FEDERATED_TOKEN";
pub(super) const SECRETS: [&str; 2] = ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_SECRET_NEXT"];
