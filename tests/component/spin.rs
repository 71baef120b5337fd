//! The files for Spin.

use xtask::build::{self, Output};

#[test]
fn spins_variables_become_environment_variables() {
    let adapter = build::spin_variables(Output::Silent).unwrap();
    let variables = [
        ("dataverse_url", "https://contoso.crm.dynamics.com"),
        ("azure_client_secret", "a\nb"),
    ];
    let expected = [
        ("DATAVERSE_URL", "https://contoso.crm.dynamics.com"),
        ("AZURE_CLIENT_SECRET", "a\nb"),
    ];
    let environment = embedded_host::environment_of(&adapter, Some(&variables)).unwrap();
    assert_eq!(
        environment,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn variables_that_cannot_be_read_are_none() {
    let adapter = build::spin_variables(Output::Silent).unwrap();
    assert_eq!(embedded_host::environment_of(&adapter, None).unwrap(), []);
}
