//! The checks before production.

mod hostile;

use embedded_host::types::{CredentialKind, Error, Options, Settings};
use embedded_host::validation::{Expectation, Line, Outcome, Report, Verb, Verdict};
use embedded_host::{DEFAULT_OPTIONS, Network};
use sandbox::{BatchDialect, BatchFailureStatus, Fault, Organization, Privileges, Role, User};

use crate::support::{Client, Tenant, request_faults, with_options};

const ORGANIZATION: &str = "20000000-0000-4000-8000-000000000003";
const SETS: [&str; 4] = ["contacts", "leads", "opportunities", "accounts"];
const VERBS: [Verb; 4] = [Verb::Create, Verb::Read, Verb::Write, Verb::Delete];

fn expect(set: &str, verb: Verb, allowed: bool) -> Expectation {
    Expectation {
        entity_set: set.to_owned(),
        verb,
        allowed,
    }
}

/// What the demo's application may do.
fn demo_expectations() -> Vec<Expectation> {
    let pairs = SETS.iter().flat_map(|set| VERBS.iter().map(move |verb| (*set, *verb)));
    let allowed = |set, verb| set == "contacts" || (verb == Verb::Read && set != "opportunities");
    pairs.map(|(set, verb)| expect(set, verb, allowed(set, verb))).collect()
}

fn pinned(settings: Settings, id: &str) -> Settings {
    with_options(
        settings,
        Options {
            organization_id: Some(id.to_owned()),
            ..DEFAULT_OPTIONS
        },
    )
}

fn pinned_client(tenant: &Tenant) -> Client {
    Client::open(&pinned(tenant.settings(), ORGANIZATION), Network::Machine)
}

fn try_run(client: &mut Client, expectations: &[Expectation]) -> Result<Report, Error> {
    client.instance.validate(Some(client.connection), expectations).unwrap()
}

#[track_caller]
fn run(client: &mut Client, expectations: &[Expectation]) -> Report {
    try_run(client, expectations).unwrap()
}

/// The same, and checks that the sandbox's data is unchanged.
#[track_caller]
fn harmless(tenant: &Tenant, client: &mut Client, expectations: &[Expectation]) -> Report {
    let before = tenant.sandbox.snapshot();
    let report = run(client, expectations);
    assert!(tenant.sandbox.snapshot() == before, "the data has changed");
    assert!(tenant.sandbox.committed_writes().is_empty());
    report
}

#[track_caller]
fn line<'a>(report: &'a Report, check: &str) -> &'a Line {
    let mut found = report.lines.iter().filter(|line| line.check == check);
    let line = found.next().unwrap_or_else(|| panic!("no {check}: {report:#?}"));
    assert!(found.next().is_none(), "{check} twice");
    line
}

/// The checks with this outcome.
fn ended(report: &Report, outcome: Outcome) -> Vec<&str> {
    let lines = report.lines.iter().filter(|line| line.outcome == outcome);
    lines.map(|line| line.check.as_str()).collect()
}

fn change(tenant: &Tenant, change: impl FnOnce(&mut User)) {
    let mut user = tenant.sandbox.user(&tenant.demo.client_id).unwrap();
    change(&mut user);
    tenant.sandbox.set_user(&tenant.demo.client_id, Some(user));
}

fn allow(tenant: &Tenant, privileges: Privileges) {
    tenant.sandbox.set_privileges(&tenant.demo.client_id, privileges);
}

/// The privileges that a user needs to read its own data.
fn self_knowledge() -> Privileges {
    let read = &[sandbox::Verb::Read];
    Privileges::none()
        .allow("systemusers", read)
        .allow("roles", read)
        .allow("businessunits", read)
}

#[test]
fn what_is_as_it_should_be_passes_and_changes_nothing() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    let expectations = demo_expectations();
    let report = harmless(&tenant, &mut client, &expectations);
    assert_eq!(report.verdict, Verdict::Passed, "{report:#?}");
    assert!(ended(&report, Outcome::Failed).is_empty() && ended(&report, Outcome::Unknown).is_empty());
    assert_eq!(ended(&report, Outcome::Note), ["environment", "privileges"]);
    let checks: Vec<_> = report.lines.iter().take(11).map(|line| line.check.as_str()).collect();
    assert_eq!(
        checks,
        [
            "token",
            "credential",
            "audience",
            "application-user",
            "user-details",
            "roles",
            "organization",
            "environment",
            "tenant",
            "environment-url",
            "privileges",
        ]
    );
    assert_eq!(report.lines.len(), 11 + 16);
    assert_eq!(line(&report, "read contacts").found, "allowed (prvReadContact, Global)");
    assert_eq!(
        line(&report, "create leads").found,
        "not allowed (403 0x80040220, prvCreateLead is missing)"
    );
    assert!(report.lines.iter().all(|line| line.advice.is_none()), "{report:#?}");

    let facts = &report.facts;
    assert_eq!(facts.tenant, tenant.demo.config.tenant_id);
    assert_eq!(
        (&facts.client_id, &facts.audience),
        (&tenant.demo.client_id, &tenant.sandbox.origin())
    );
    assert!((3500..3600).contains(&facts.token_expires_in));
    assert_eq!(facts.credential.kind, CredentialKind::Certificate);
    assert!(
        facts
            .credential_days_left
            .is_some_and(|days| (363..=365).contains(&days))
    );
    let texts = [
        (&facts.user_id, "20000000-0000-4000-8000-000000000001"),
        (&facts.user_name, "Sandbox Application"),
        (&facts.business_unit_id, "20000000-0000-4000-8000-000000000002"),
        (&facts.business_unit_name, "Sandbox"),
        (&facts.organization_id, ORGANIZATION),
        (&facts.organization_name, "Sandbox"),
        (&facts.organization_kind, "CustomerTest"),
    ];
    for (found, expected) in texts {
        assert_eq!(found.as_deref(), Some(expected));
    }
    assert_eq!(facts.enabled, Some(true));
    assert_eq!(facts.roles.as_deref(), Some(["Integration".to_owned()].as_slice()));
    assert_eq!(format!("{:?}", report.observed), format!("{expectations:?}"));
    assert_eq!(
        report.gateway_allow,
        "contacts:POST,GET,PATCH,DELETE;leads:GET;accounts:GET"
    );
}

#[test]
fn without_expectations_it_says_what_is_allowed_and_judges_nothing() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    let report = harmless(&tenant, &mut client, &[]);
    assert_eq!(report.verdict, Verdict::Passed);
    assert_eq!(ended(&report, Outcome::Note).len(), 2 + 16);
    let create = line(&report, "create contacts");
    assert_eq!(
        (create.expected.as_deref(), create.found.as_str()),
        (None, "allowed (prvCreateContact, Global)")
    );
    assert_eq!(format!("{:?}", report.observed), format!("{:?}", demo_expectations()));

    // The findings are the expectations of the next run.
    let again = run(&mut client, &report.observed);
    assert_eq!(again.verdict, Verdict::Passed);
    assert_eq!(ended(&again, Outcome::Passed).len(), 9 + 16);
}

#[test]
fn each_privilege_that_is_missing_or_superfluous_is_found() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    for (verb, there) in VERBS.into_iter().zip(sandbox::Verb::ALL) {
        let others: Vec<_> = sandbox::Verb::ALL.into_iter().filter(|other| *other != there).collect();
        allow(
            &tenant,
            self_knowledge().allow("leads", &[there]).allow("contacts", &others),
        );
        let expectations: Vec<_> = ["leads", "contacts"]
            .iter()
            .flat_map(|set| VERBS.iter().map(|verb| expect(set, *verb, *set == "contacts")))
            .collect();
        let report = harmless(&tenant, &mut client, &expectations);
        assert_eq!(report.verdict, Verdict::Failed);
        let name = format!("{verb:?}").to_lowercase();
        let name = name.strip_prefix("verb::").unwrap_or(&name);
        assert_eq!(
            ended(&report, Outcome::Failed),
            [format!("{name} leads"), format!("{name} contacts")]
        );
        assert!(ended(&report, Outcome::Unknown).is_empty(), "{report:#?}");
        let superfluous = line(&report, &format!("{name} leads"));
        assert_eq!(superfluous.expected.as_deref(), Some("not allowed"));
        assert_eq!(superfluous.found, format!("allowed (prv{there:?}Lead, Global)"));
        assert!(superfluous.advice.as_deref().unwrap().contains("security role"));
        let missing = line(&report, &format!("{name} contacts"));
        assert_eq!(
            missing.found,
            format!("not allowed (403 0x80040220, prv{there:?}Contact is missing)")
        );
        assert!(
            missing
                .advice
                .as_deref()
                .unwrap()
                .contains(&format!("prv{there:?}Contact"))
        );
    }
}

#[test]
fn a_role_that_changes_between_two_runs_changes_the_report() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    let expectations = [expect("leads", Verb::Write, false)];
    assert_eq!(run(&mut client, &expectations).verdict, Verdict::Passed);
    change(&tenant, |user| {
        user.roles = vec![Role::new("Sales"), Role::new("Integration")];
        user.privileges = user.privileges.clone().allow("leads", &[sandbox::Verb::Write]);
    });
    let report = harmless(&tenant, &mut client, &expectations);
    assert_eq!(ended(&report, Outcome::Failed), ["write leads"]);
    assert_eq!(line(&report, "roles").found, "Sales, Integration");
}

#[test]
fn roles_with_power_over_the_environment_are_findings() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    for role in [Role::system_administrator(), Role::system_customizer()] {
        // The name is irrelevant.
        let role = Role {
            name: "Systemrolle".to_owned(),
            ..role
        };
        change(&tenant, |user| user.roles = vec![Role::new("Integration"), role]);
        let report = harmless(&tenant, &mut client, &demo_expectations());
        assert_eq!(ended(&report, Outcome::Failed), ["roles"]);
        assert_eq!(report.verdict, Verdict::Failed);
        let roles = line(&report, "roles");
        assert_eq!(roles.found, "Integration, Systemrolle");
        assert!(roles.advice.as_deref().unwrap().starts_with("Systemrolle may change"));
    }
    // The name alone is not enough.
    change(&tenant, |user| user.roles = vec![Role::new("System Administrator")]);
    assert_eq!(run(&mut client, &[]).verdict, Verdict::Passed);
    change(&tenant, |user| user.roles = Vec::new());
    assert_eq!(line(&run(&mut client, &[]), "roles").found, "none");
}

#[test]
fn an_application_that_is_no_member_is_a_finding_with_the_steps() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    tenant.sandbox.set_user(&tenant.demo.client_id, None);
    let report = harmless(&tenant, &mut client, &demo_expectations());
    assert_eq!(report.verdict, Verdict::Failed);
    assert_eq!(ended(&report, Outcome::Failed), ["application-user"]);
    let user = line(&report, "application-user");
    assert!(user.found.contains("0x80072560"), "{user:?}");
    assert!(user.advice.as_deref().unwrap().contains("New app user"), "{user:?}");
    assert_eq!(ended(&report, Outcome::Unknown).len(), 16);
    assert_eq!(
        line(&report, "read contacts").found,
        "not checked, because the environment does not accept this application"
    );
    assert!(report.observed.is_empty() && report.gateway_allow.is_empty());
    assert!(report.facts.user_id.is_none());
    let data = tenant.sandbox.requests();
    let asked = data
        .iter()
        .filter(|request| request.path_and_query.starts_with("/api/data/"));
    assert_eq!(asked.count(), 1, "only WhoAmI");
}

#[test]
fn a_disabled_user_is_a_finding() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    change(&tenant, |user| user.enabled = false);
    let report = harmless(&tenant, &mut client, &[]);
    assert_eq!(ended(&report, Outcome::Failed), ["application-user"]);
    let user = line(&report, "application-user");
    assert!(user.found.contains("0x80040225"), "{user:?}");
    assert!(user.advice.as_deref().unwrap().contains("disabled"), "{user:?}");
}

#[test]
fn another_organization_than_the_pinned_one_is_a_finding() {
    let tenant = Tenant::start();
    let other = "20000000-0000-4000-8000-00000000000f";
    let mut client = Client::open(&pinned(tenant.settings(), other), Network::Machine);
    let report = harmless(&tenant, &mut client, &demo_expectations());
    assert_eq!(ended(&report, Outcome::Failed), ["organization"]);
    let organization = line(&report, "organization");
    assert_eq!(organization.expected.as_deref(), Some(other));
    assert_eq!(organization.found, ORGANIZATION);
    assert!(
        organization
            .advice
            .as_deref()
            .unwrap()
            .contains("options.organization-id")
    );

    // Without an expectation, it is a note.
    let report = run(&mut tenant.client(), &[]);
    let organization = line(&report, "organization");
    assert_eq!(
        (organization.outcome, organization.found.as_str()),
        (Outcome::Note, ORGANIZATION)
    );
    assert!(
        organization
            .advice
            .as_deref()
            .unwrap()
            .contains("set options.organization-id")
    );
}

#[test]
fn production_is_called_so() {
    let tenant = Tenant::start();
    tenant.sandbox.set_organization(Organization {
        friendly_name: "Contoso".to_owned(),
        organization_type: "Secondary".to_owned(),
        ..Organization::default()
    });
    let report = run(&mut pinned_client(&tenant), &[]);
    assert_eq!(line(&report, "environment").found, "Contoso, Secondary: production");
    assert_eq!(report.facts.organization_kind.as_deref(), Some("Secondary"));
}

#[test]
fn the_environment_that_tells_the_tenant_may_tell_a_domain() {
    let tenant = Tenant::start();
    let settings = Settings {
        tenant_id: tenant.demo.config.tenant_domain.clone(),
        ..tenant.settings()
    };
    let report = run(&mut Client::open(&settings, Network::Machine), &[]);
    let line = line(&report, "tenant");
    assert_eq!(
        (line.outcome, &line.found),
        (Outcome::Note, &tenant.demo.config.tenant_id)
    );
}

#[test]
fn a_certificate_near_its_end_is_a_finding() {
    use std::time::{Duration, SystemTime};
    let day = Duration::from_secs(24 * 60 * 60);
    let tenant = Tenant::start();
    for (days, failed) in [(29, true), (31, false)] {
        let now = SystemTime::now();
        let identity = sandbox::certificate::generate_valid("ending", now - day, now + day * days + day / 2).unwrap();
        let (client_id, der) = (&tenant.demo.client_id, &identity.certificate_der);
        tenant.sandbox.add_certificate(client_id, der).unwrap();
        let settings = tenant.settings_with([crate::support::certificate_of(&identity)]);
        let report = run(&mut Client::open(&settings, Network::Machine), &demo_expectations());
        let expected: &[&str] = if failed { &["credential"] } else { &[] };
        assert_eq!(ended(&report, Outcome::Failed), expected);
        let credential = line(&report, "credential");
        assert!(credential.found.ends_with(&format!("in {days} days")), "{credential:?}");
        assert_eq!(report.facts.credential_days_left, Some(days.into()));
        assert_eq!(credential.advice.is_some(), failed);
    }
    let secret = run(&mut Client::open(&tenant.secret_settings(), Network::Machine), &[]);
    let credential = line(&secret, "credential");
    assert_eq!(credential.outcome, Outcome::Note);
    assert!(credential.found.contains("only Entra ID knows"));
}

#[test]
fn one_who_may_not_read_about_himself_is_told_what_is_unknown() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    allow(&tenant, Privileges::none().allow("contacts", &sandbox::Verb::ALL));
    let report = harmless(&tenant, &mut client, &demo_expectations());
    assert_eq!(ended(&report, Outcome::Unknown), ["user-details", "roles"]);
    assert!(line(&report, "roles").found.contains("prvReadUser"));
    assert!(line(&report, "privileges").found.contains("cannot be read"));
    // Reads of leads and accounts are missing.
    assert_eq!(ended(&report, Outcome::Failed), ["read leads", "read accounts"]);
    assert_eq!(
        line(&report, "write contacts").found,
        "allowed",
        "by Dataverse's answer alone"
    );
    let report = run(&mut client, &[expect("contacts", Verb::Delete, true)]);
    assert_eq!(report.verdict, Verdict::Unknown);
}

#[test]
fn a_create_is_told_by_every_dialect() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    let json = BatchDialect {
        json_failure: true,
        ..BatchDialect::default()
    };
    let named = BatchDialect {
        failure_content_id: true,
        preamble: true,
        content_length: true,
        ..BatchDialect::default()
    };
    let bare = BatchDialect {
        bare_line_feeds: true,
        no_reason_phrase: true,
        quoted_boundary: true,
        ..BatchDialect::default()
    };
    let only = |verbs: &[sandbox::Verb]| self_knowledge().allow("leads", verbs);
    use sandbox::Verb::{Create, Write};
    for status in [BatchFailureStatus::OfTheFailure, BatchFailureStatus::Ok] {
        tenant.sandbox.set_batch_failure_status(status);
        for dialect in [BatchDialect::default(), json.clone(), named.clone(), bare.clone()] {
            tenant.sandbox.set_batch_dialect(dialect.clone());
            for (privileges, allowed) in [
                (only(&[Create, Write]), true),
                (only(&[Create]), true),
                (only(&[Write]), false),
                (only(&[]), false),
            ] {
                allow(&tenant, privileges);
                let report = harmless(&tenant, &mut client, &[expect("leads", Verb::Create, allowed)]);
                assert_eq!(report.verdict, Verdict::Passed, "{dialect:?} {status:?} {report:#?}");
                let report = harmless(&tenant, &mut client, &[expect("leads", Verb::Create, !allowed)]);
                assert_eq!(ended(&report, Outcome::Failed), ["create leads"]);
            }
        }
    }
}

#[test]
fn a_table_that_is_not_there_is_unknown_for_every_verb() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    let expectations = VERBS.map(|verb| expect("nonsense", verb, false));
    let report = harmless(&tenant, &mut client, &expectations);
    assert_eq!(ended(&report, Outcome::Unknown).len(), 4, "{report:#?}");
    assert_eq!(report.verdict, Verdict::Unknown);
    assert!(report.observed.is_empty());
}

#[test]
fn only_names_are_entity_sets() {
    let tenant = Tenant::start();
    let mut client = tenant.client();
    let wrong = [
        expect("contacts", Verb::Read, true),
        expect("contacts(1)", Verb::Read, true),
        expect("", Verb::Read, true),
        expect("$batch", Verb::Read, true),
    ];
    let faults = request_faults(try_run(&mut client, &wrong).unwrap_err());
    let fields: Vec<_> = faults.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "expectations[1].entity-set",
            "expectations[2].entity-set",
            "expectations[3].entity-set"
        ]
    );
    assert_eq!(tenant.counts(), (0, 0), "nothing was sent");
}

#[test]
fn a_wait_within_the_budget_is_waited_for() {
    let tenant = Tenant::start();
    let mut client = pinned_client(&tenant);
    let throttle = |seconds, path| {
        let fault = Fault::throttle("0x80072322", seconds).on("GET", &format!("/api/data/v9.2/{path}"));
        tenant.sandbox.misbehave(fault);
    };
    throttle(1, "leads");
    let report = harmless(&tenant, &mut client, &demo_expectations());
    assert_eq!(report.verdict, Verdict::Passed);

    // Beyond the budget, the remaining checks are unknown, and nothing more is sent.
    throttle(600, "opportunities");
    let before = tenant.sandbox.requests().len();
    let report = harmless(&tenant, &mut client, &demo_expectations());
    assert_eq!(report.verdict, Verdict::Unknown);
    let unknown = ended(&report, Outcome::Unknown);
    assert_eq!(unknown[0], "read opportunities");
    assert_eq!(unknown.len(), 3 + 4, "{unknown:?}");
    assert!(
        line(&report, "write accounts")
            .found
            .starts_with("not checked, because ")
    );
    let sent = tenant.sandbox.requests();
    assert!(sent[before..].last().unwrap().path_and_query.contains("opportunities?"));
}
