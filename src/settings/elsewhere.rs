//! Variables that other tools read but this component does not, and what to set instead.

use super::names::{ASSERTION, CERTIFICATES, SECRETS, VARIABLES};

/// What another tool's variable contains.
#[derive(Clone, Copy)]
enum Holds {
    /// A file path. A component cannot read files.
    Path,
    /// The value itself.
    Value,
    /// A user's password.
    Password,
}

const CERTIFICATE: &str = CERTIFICATES[0].0;
const SECRET: &str = SECRETS[0];

/// Their name and ours. From the Azure SDKs
/// (<https://learn.microsoft.com/dotnet/api/azure.identity.environmentcredential>, and their older names),
/// Terraform's providers, and the Power Platform tools.
const OTHERS: [(&str, &str, Holds); 12] = [
    ("AZURE_CLIENT_CERTIFICATE_PATH", CERTIFICATE, Holds::Path),
    ("AZURE_CERTIFICATE_PATH", CERTIFICATE, Holds::Path),
    ("ARM_CLIENT_CERTIFICATE_PATH", CERTIFICATE, Holds::Path),
    ("ARM_CLIENT_CERTIFICATE", CERTIFICATE, Holds::Value),
    ("ARM_OIDC_TOKEN_FILE_PATH", ASSERTION, Holds::Path),
    ("ARM_OIDC_TOKEN", ASSERTION, Holds::Value),
    ("ARM_CLIENT_SECRET", SECRET, Holds::Value),
    ("POWER_PLATFORM_CLIENT_SECRET", SECRET, Holds::Value),
    ("AZURE_PASSWORD", SECRET, Holds::Password),
    ("ARM_CLIENT_ID", VARIABLES.client_id, Holds::Value),
    ("POWER_PLATFORM_CLIENT_ID", VARIABLES.client_id, Holds::Value),
    (
        "POWER_PLATFORM_ENVIRONMENT_URL",
        VARIABLES.environment_url,
        Holds::Value,
    ),
];

/// The suffix of variables that contain a file path, a convention of container images.
const FILE: &str = "_FILE";
const IN_FILES: [&str; 5] = [
    CERTIFICATE,
    ASSERTION,
    SECRET,
    VARIABLES.client_id,
    VARIABLES.environment_url,
];

/// For each of our variables that another tool's variable replaces: a readable hint.
#[derive(Default)]
pub struct Elsewhere(Vec<(&'static str, String)>);

impl Elsewhere {
    /// Collects the hints for those that are set.
    pub fn among(is_set: impl Fn(&str) -> bool) -> Self {
        let others = OTHERS
            .iter()
            .map(|(theirs, ours, holds)| ((*theirs).to_owned(), *ours, *holds));
        let files = IN_FILES
            .iter()
            .map(|ours| (format!("{ours}{FILE}"), *ours, Holds::Path));
        let found = others.chain(files).filter(|(theirs, ..)| is_set(theirs));
        Self(
            found
                .map(|(theirs, ours, holds)| (ours, instead(&theirs, ours, holds)))
                .collect(),
        )
    }

    /// The hint for one of our variables.
    pub fn of(&self, ours: &str) -> Option<&str> {
        let (_, instead) = self.0.iter().find(|(name, _)| *name == ours)?;
        Some(instead)
    }

    /// The hint for the missing credential.
    pub fn of_credentials(&self) -> Option<&str> {
        [CERTIFICATE, ASSERTION, SECRET].iter().find_map(|ours| self.of(ours))
    }
}

fn instead(theirs: &str, ours: &str, holds: Holds) -> String {
    match holds {
        Holds::Path => {
            let form = if ours == CERTIFICATE {
                " (PEM text, or a PFX in base64)"
            } else {
                ""
            };
            format!("{theirs} is, but a component cannot read files: set {ours} to the content of the file{form}")
        }
        Holds::Value => format!("{theirs} is, which this component does not read: set {ours} to its value"),
        Holds::Password => {
            format!(
                "{theirs} is, but applications sign in without a user: set {ours} to the application's client secret"
            )
        }
    }
}
