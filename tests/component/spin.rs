//! The files for Spin.

use embedded_host::Component;
use xtask::build::{self, Output};

use crate::gateway::WASI03;
use crate::support::COMPONENT;

const VARIABLES: &str = include_str!("../../deploy/spin-variables.toml");
const WITH_WASI03: &str = include_str!("../../deploy/spin-wasi03.toml");

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

#[test]
fn the_adapter_stands_for_what_each_component_imports() {
    // Spin compares whole names.
    let dependency = VARIABLES
        .lines()
        .find(|line| line.starts_with("\"wasi:cli/environment@"));
    let import = dependency.unwrap().split('"').nth(1).unwrap().to_owned();
    let rc = build::wasi03_rc(Output::Silent).unwrap();
    for component in [&*COMPONENT, &*WASI03, &Component::load(&rc).unwrap()] {
        let environments: Vec<_> = component
            .imports()
            .into_iter()
            .filter(|name| name.contains("environment"))
            .collect();
        assert_eq!(environments, std::slice::from_ref(&import));
    }
}

#[test]
fn the_manifests_differ_in_the_component_only() {
    let without_comments = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_eq!(
        without_comments(VARIABLES).replace("dynamics365.wasm", "dynamics365_wasi03_rc.wasm"),
        without_comments(WITH_WASI03)
    );
}
