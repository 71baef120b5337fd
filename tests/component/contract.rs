//! What the files themselves promise: their imports, their exports, their sizes, and that a shell can call the one with functions.

use std::path::PathBuf;

use embedded_host::{Component, Network};
use xtask::build::{self, Output};

use crate::gateway::WASI03;
use crate::support::{COMPONENT, Tenant};

#[test]
fn it_imports_neither_files_nor_sockets() {
    let imports = COMPONENT.imports();
    assert!(
        imports
            .iter()
            .any(|name| name.starts_with("wasi:http/outgoing-handler@0.2.")),
        "{imports:?}"
    );
    for import in &imports {
        assert_harmless(import);
    }
}

fn assert_harmless(import: &str) {
    let allowed = ["wasi:cli/", "wasi:clocks/", "wasi:http/", "wasi:io/", "wasi:random/"];
    assert!(allowed.iter().any(|package| import.starts_with(package)), "{import}");
}

#[test]
fn the_components_of_wasi_03_export_their_handler_and_nothing_else() {
    let rc = build::wasi03_rc(Output::Silent).unwrap();
    for (component, version) in [
        (&*WASI03, "0.3.2"),
        (&Component::load(&rc).unwrap(), "0.3.0-rc-2026-03-15"),
    ] {
        assert_eq!(component.exports(), [format!("wasi:http/handler@{version}")]);
        let imports = component.imports();
        assert!(imports.contains(&format!("wasi:http/client@{version}")), "{imports:?}");
        for import in &imports {
            assert_harmless(import);
            // Requests go out in one way only.
            assert!(!import.starts_with("wasi:http/outgoing-handler"), "{import}");
        }
    }
}

#[test]
fn it_exports_the_contract_and_an_http_handler() {
    // The linker determines their order.
    let mut exports = COMPONENT.exports();
    exports.sort();
    assert_eq!(
        exports[..3],
        [
            "raia:dynamics365/dataverse@0.1.0",
            "raia:dynamics365/types@0.1.0",
            "raia:dynamics365/validation@0.1.0"
        ]
    );
    assert!(exports[3].starts_with("wasi:http/incoming-handler@0.2."), "{exports:?}");
    assert_eq!(exports.len(), 4);
}

#[test]
fn they_are_small() {
    for (file, limit) in [
        (build::component(Output::Silent), 1_120_000),
        (build::wasi03(Output::Silent), 960_000),
        (build::wasi03_rc(Output::Silent), 960_000),
    ] {
        let file = file.unwrap();
        let size = file.metadata().unwrap().len();
        assert!(size < limit, "{}: {size} bytes", file.display());
    }
}

#[test]
fn it_does_not_tell_where_it_was_built() {
    let bytes = std::fs::read(build::component(Output::Silent).unwrap()).unwrap();
    let home = std::env::home_dir().unwrap();
    let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    for folder in [&xtask::workspace(), &cargo_home, &home] {
        let folder = folder.to_str().unwrap().as_bytes();
        // A home such as `/` says nothing.
        let tells = folder.len() > 4 && bytes.windows(folder.len()).any(|window| window == folder);
        assert!(!tells, "{}", String::from_utf8_lossy(folder));
    }
    let names_its_sources = |bytes: &[u8]| bytes.windows(5).any(|window| window == b"ring-");
    assert!(names_its_sources(&bytes), "are they named otherwise now?");
}

#[test]
fn a_shell_can_call_it() {
    let tenant = Tenant::start();
    let origin = tenant.sandbox.origin();
    let pem = tenant.pem();
    let variables = [
        ("DATAVERSE_URL", origin.as_str()),
        ("AZURE_AUTHORITY_HOST", &origin),
        ("AZURE_TENANT_ID", &tenant.demo.config.tenant_id),
        ("AZURE_CLIENT_ID", &tenant.demo.client_id),
        ("AZURE_CLIENT_CERTIFICATE", &pem),
    ];
    let mut instance = COMPONENT.instance(&variables, Network::Machine).unwrap();
    assert_eq!(
        instance.invoke("whoami(none)").unwrap(),
        "ok({user-id: \"20000000-0000-4000-8000-000000000001\", \
         business-unit-id: \"20000000-0000-4000-8000-000000000002\", \
         organization-id: \"20000000-0000-4000-8000-000000000003\"})"
    );
    let one = "odata-request(none, {method: get, path: \"contacts?$select=lastname&$top=1\", headers: []})";
    let answer = instance.invoke(one).unwrap();
    assert!(answer.starts_with("ok({status: 200, headers: ["), "{answer}");
    let batch = "odata-batch(none, {continue-on-error: false, items: [request({request: \
                 {method: get, path: \"contacts(1)\", headers: []}}), change-set([{content-id: some(\"1\"), request: \
                 {method: delete, path: \"contacts(1)\", headers: []}}])]})";
    let answer = instance.invoke(batch).unwrap();
    assert!(
        answer.starts_with("ok([refused({status: 4") && answer.ends_with("}), not-run])"),
        "{answer}"
    );
    let validate = "validate(none, [{entity-set: \"contacts\", verb: read, allowed: true}, {entity-set: \"leads\", \
                    verb: delete, allowed: false}])";
    let answer = instance.invoke(validate).unwrap();
    assert!(
        answer.starts_with("ok({verdict: passed, lines: [{check: \"token\""),
        "{answer}"
    );
    assert!(
        answer.ends_with("{entity-set: \"leads\", verb: delete, allowed: false}], gateway-allow: \"contacts:GET\"})"),
        "{answer}"
    );
    assert!(
        instance
            .invoke("acquire-token(none)")
            .unwrap()
            .starts_with("ok({token: ")
    );
}

#[test]
fn a_shell_is_told_what_is_missing() {
    let mut instance = COMPONENT.instance(&[], Network::Machine).unwrap();
    let answer = instance.invoke("whoami(none)").unwrap();
    assert!(answer.starts_with("err(invalid-settings(["), "{answer}");
    for variable in ["DATAVERSE_URL", "AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE"] {
        assert!(answer.contains(&format!("field: \"{variable}\"")), "{answer}");
    }
}
