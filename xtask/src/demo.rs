//! The main scenario, run once as a demonstration. All output comes from the component's answers.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use embedded_host::types::{Error, Fault, Method, Options, Request, Response, Settings};
use embedded_host::validation::{Expectation, Outcome, Verb, Verdict};
use embedded_host::{Component, Connection, DEFAULT_OPTIONS, Instance, Network, certificate, secret};
use sandbox::{Config, Sandbox};
use serde_json::{Value, json};

/// Runs the component against its own sandbox.
pub fn run(component: &Path) -> Result<()> {
    println!("Making an RSA certificate and starting the sandbox ...");
    let demo = Config::demo()?;
    let tenant_id = demo.config.tenant_id.clone();
    let sandbox = Sandbox::start(demo.config)?;
    println!("Sandbox: {}, a local Entra ID and Dataverse", sandbox.origin());
    println!("Compiling the component for the embedded Wasmtime ...");
    let component = Component::load(component)?;

    let settings = |credential| Settings {
        environment_url: sandbox.origin(),
        tenant_id: Some(tenant_id.clone()),
        client_id: demo.client_id.clone(),
        credentials: vec![credential],
        options: Some(Options {
            authority: Some(sandbox.origin()),
            ..DEFAULT_OPTIONS
        }),
    };
    let pem = format!("{}{}", demo.identity.certificate_pem, demo.identity.key_pkcs8_pem);
    let mut client = Client::open(&component, &settings(certificate(pem)))?;
    client.identity()?;
    client.pages()?;
    client.one_row()?;
    client.a_closed_table()?;
    a_wrong_secret(&component, &settings(secret("not-the-secret")))?;
    client.before_production()?;
    println!();
    println!("Done. Your own environment is next: README.md, \"Against your tenant\".");
    Ok(())
}

/// An instance of the component with one open connection.
struct Client {
    instance: Instance,
    connection: Connection,
}

impl Client {
    fn open(component: &Component, settings: &Settings) -> Result<Self> {
        let mut instance = component.instance(&[], Network::Machine)?;
        let connection = instance.open(settings)?.map_err(explained)?;
        Ok(Self { instance, connection })
    }

    fn identity(&mut self) -> Result<()> {
        title("A token, by the certificate");
        let token = self.instance.acquire_token(Some(self.connection))?.map_err(explained)?;
        row("lifetime", &format!("{} s", token.expires_in));
        row("audience", &token.audience);
        let credential = &token.credential;
        row(
            "credential",
            credential.thumbprint.as_deref().unwrap_or(&credential.name),
        );

        title("WhoAmI");
        let identity = self.instance.whoami(Some(self.connection))?.map_err(explained)?;
        row("user", &identity.user_id);
        row("business unit", &identity.business_unit_id);
        row("organization", &identity.organization_id);
        Ok(())
    }

    fn pages(&mut self) -> Result<()> {
        title("Contacts, five a page");
        let mut next = Some("contacts?$select=fullname&$orderby=fullname".to_owned());
        let mut page = 0;
        while let Some(path) = next {
            page += 1;
            let response = self.call(Method::Get, &path, &[("Prefer", "odata.maxpagesize=5")], None)?;
            let body = json_of(&response)?;
            let rows = body["value"].as_array().context("a page without rows")?;
            let names: Vec<_> = rows.iter().filter_map(|row| row["fullname"].as_str()).collect();
            row(&format!("page {page}"), &names.join(", "));
            next = response.next_link;
        }
        ensure!(page >= 3, "expected three pages, got {page}");
        Ok(())
    }

    fn one_row(&mut self) -> Result<()> {
        title("One contact's life");
        let contact = json!({ "firstname": "Grace", "lastname": "O'Malley", "jobtitle": "Captain" });
        let created = self.call(Method::Post, "contacts", &[], Some(&contact))?;
        let id = created.entity_id.context("no id for the new contact")?;
        row("created", &format!("{}, contacts({id})", created.status));

        let path = format!("contacts({id})?$select=fullname,jobtitle");
        let read = self.call(Method::Get, &path, &[], None)?;
        let etag = read.etag.clone().context("no ETag")?;
        row(
            "read",
            &format!(
                "{}, {}, ETag {etag}",
                shown(&read, "fullname")?,
                shown(&read, "jobtitle")?
            ),
        );

        let change = json!({ "jobtitle": "Admiral" });
        let headers = [("If-Match", etag.as_str()), ("Prefer", "return=representation")];
        let updated = self.call(Method::Patch, &path, &headers, Some(&change))?;
        row(
            "updated",
            &format!("{}, {}", updated.status, shown(&updated, "jobtitle")?),
        );

        let again = self.try_call(Method::Patch, &path, &[("If-Match", &etag)], Some(&change))?;
        row("the old ETag", &refused(again, 412)?);

        let deleted = self.call(Method::Delete, &format!("contacts({id})"), &[], None)?;
        row("deleted", &deleted.status.to_string());
        let gone = self.try_call(Method::Get, &path, &[], None)?;
        row("read again", &refused(gone, 404)?);
        Ok(())
    }

    fn a_closed_table(&mut self) -> Result<()> {
        title("A table that this application may not read");
        let closed = self.try_call(Method::Get, "opportunities?$top=1", &[], None)?;
        row("opportunities", &refused(closed, 403)?);
        Ok(())
    }

    /// Expects exactly the permissions that the previous calls needed, and no others.
    fn before_production(&mut self) -> Result<()> {
        title("The checks before production");
        let expected = [
            ("contacts", Verb::Create, true),
            ("contacts", Verb::Read, true),
            ("contacts", Verb::Write, true),
            ("contacts", Verb::Delete, true),
            ("leads", Verb::Create, false),
            ("accounts", Verb::Write, false),
            ("opportunities", Verb::Read, false),
            ("opportunities", Verb::Delete, false),
        ];
        let expectations = expected.map(|(set, verb, allowed)| Expectation {
            entity_set: set.to_owned(),
            verb,
            allowed,
        });
        let outcome = self.instance.validate(Some(self.connection), &expectations)?;
        let report = outcome.map_err(explained)?;
        for line in &report.lines {
            let outcome = match line.outcome {
                Outcome::Passed => "passed",
                Outcome::Failed => "FAILED",
                Outcome::Unknown => "UNKNOWN",
                Outcome::Note => "note",
            };
            row(outcome, &format!("{}: {}", line.check, line.found));
        }
        ensure!(report.verdict == Verdict::Passed, "the checks did not pass");
        Ok(())
    }

    fn call(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Result<Response> {
        self.try_call(method, path, headers, body)?.map_err(explained)
    }

    fn try_call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Result<Response, Error>> {
        let request = Request {
            method,
            path: path.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.map(|body| body.to_string().into_bytes()),
            options: None,
        };
        self.instance.odata_request(Some(self.connection), &request)
    }
}

fn a_wrong_secret(component: &Component, settings: &Settings) -> Result<()> {
    title("A wrong client secret");
    let mut client = Client::open(component, settings)?;
    match client.instance.acquire_token(Some(client.connection))? {
        Err(Error::EntraId(error)) if error.error_codes == [7_000_215] => {
            let codes: Vec<_> = error.error_codes.iter().map(|code| format!("AADSTS{code}")).collect();
            row(
                "Entra ID",
                &format!("{} {}, {}", error.status, error.error, codes.join(", ")),
            );
            Ok(())
        }
        Err(other) => Err(explained(other)),
        Ok(_) => bail!("the wrong secret got a token"),
    }
}

fn title(text: &str) {
    println!();
    println!("{text}");
}

fn row(name: &str, value: &str) {
    println!("  {name:<14} {value}");
}

fn json_of(response: &Response) -> Result<Value> {
    serde_json::from_slice(&response.body).context("an answer that is not JSON")
}

fn shown(response: &Response, column: &str) -> Result<String> {
    let body = json_of(response)?;
    Ok(body[column]
        .as_str()
        .with_context(|| format!("no {column}"))?
        .to_owned())
}

/// The line for an expected refusal.
fn refused(outcome: Result<Response, Error>, status: u16) -> Result<String> {
    match outcome {
        Err(Error::Dataverse(error)) if error.status == status => {
            Ok(format!("{} {}, {}", error.status, error.code, error.message))
        }
        Err(other) => Err(explained(other)),
        Ok(response) => bail!("expected a refusal, got {}", response.status),
    }
}

/// A readable form of an unexpected error.
fn explained(error: Error) -> anyhow::Error {
    let faults = |faults: Vec<Fault>| {
        let lines: Vec<_> = faults
            .iter()
            .map(|fault| format!("{} {}", fault.field, fault.reason))
            .collect();
        lines.join("; ")
    };
    match error {
        Error::InvalidSettings(list) => anyhow::anyhow!("settings: {}", faults(list)),
        Error::InvalidRequest(list) => anyhow::anyhow!("request: {}", faults(list)),
        Error::EntraId(error) => anyhow::anyhow!("Entra ID answered {}: {}", error.status, error.description),
        Error::Dataverse(error) => {
            let advice = error.advice.map(|advice| format!("; {advice}")).unwrap_or_default();
            anyhow::anyhow!(
                "Dataverse answered {}: {} {}{advice}",
                error.status,
                error.code,
                error.message
            )
        }
        Error::Throttled(error) => anyhow::anyhow!("throttled: {}", error.message),
        Error::Unavailable(error) => anyhow::anyhow!("unavailable: {}", error.detail),
    }
}
