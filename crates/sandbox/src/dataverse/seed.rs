//! The initial rows of every sandbox. Ids are fixed, so that tests can refer to them.

use serde_json::{Value, json};
use uuid::Uuid;

/// The number of accounts.
pub const ACCOUNTS: usize = 4;
/// The number of contacts.
pub const CONTACTS: usize = 17;
/// The number of leads.
pub const LEADS: usize = 4;
/// The number of opportunities.
pub const OPPORTUNITIES: usize = 3;

/// The id of the nth account, from 1.
pub fn account(n: usize) -> String {
    id(0xa, n)
}

/// The id of the nth contact, from 1.
pub fn contact(n: usize) -> String {
    id(0xc, n)
}

/// The id of the nth lead, from 1.
pub fn lead(n: usize) -> String {
    id(0x1, n)
}

/// The id of the nth opportunity, from 1.
pub fn opportunity(n: usize) -> String {
    id(0x0, n)
}

fn id(table: u32, n: usize) -> String {
    Uuid::from_fields(
        0x5eed_0000 + table,
        0,
        0x4000,
        &(0x8000_0000_0000_0000 + n as u64).to_be_bytes(),
    )
    .to_string()
}

/// First name, last name, title, town, account (0 for none), income, children, no e-mail.
type Contact = (
    &'static str,
    &'static str,
    Option<&'static str>,
    &'static str,
    usize,
    f64,
    i64,
    bool,
);

const PEOPLE: [Contact; CONTACTS] = [
    (
        "Zoë",
        "Ångström",
        Some("Head of Research"),
        "Malmö",
        1,
        91_000.0,
        0,
        false,
    ),
    ("Siobhán", "O'Brien", Some("Buyer"), "Cork", 1, 48_500.5, 2, false),
    ("Łukasz", "Wójcik", Some("Engineer"), "Łódź", 2, 52_000.0, 1, false),
    ("Mia", "D'Angelo", Some("Buyer"), "Torino", 2, 45_250.25, 0, true),
    ("Noah", "Keller", Some("Sales Manager"), "Basel", 3, 77_000.0, 3, false),
    ("Inês", "Gonçalves", Some("Accountant"), "Porto", 3, 39_900.0, 2, false),
    ("Jürgen", "Weiß", Some("Plant Manager"), "Köln", 3, 83_000.0, 2, true),
    ("Emma", "Smith", Some("Buyer"), "Leeds", 4, 41_000.0, 0, false),
    ("Emma", "Smithson", None, "York", 4, 40_000.0, 1, false),
    ("Oliver", "Jones", Some("Driver"), "Leeds", 4, 31_000.0, 4, false),
    ("Ewa", "Nowak", Some("Engineer"), "Łódź", 2, 56_000.0, 0, false),
    ("李", "伟", Some("Sales Manager"), "Singapore", 0, 68_000.0, 1, false),
    ("Anna", "Müller", Some("Lawyer"), "Wien", 0, 98_000.0, 0, true),
    ("Ben", "O'Neill", Some("Gardener"), "Galway", 0, 28_750.75, 2, false),
    ("Chloé", "Lefèvre", None, "Lyon", 1, 61_000.0, 1, false),
    ("100%", "Percent_Name", Some("Tester"), "Null Island", 0, 0.0, 0, false),
    (
        "Ana",
        "Zupan",
        Some("Head of Sales"),
        "Ljubljana",
        1,
        72_000.0,
        2,
        false,
    ),
];

/// All of them, by entity set.
pub(super) fn rows() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("accounts", accounts()),
        ("contacts", contacts()),
        ("leads", leads()),
        ("opportunities", opportunities()),
    ]
}

fn accounts() -> Vec<Value> {
    let account = |n: usize, name: &str, number: &str, city: &str, employees: i64, revenue: f64, hold: bool| {
        json!({
            "accountid": account(n), "name": name, "accountnumber": number, "address1_city": city,
            "numberofemployees": employees, "revenue": revenue, "creditonhold": hold,
            "telephone1": format!("+00 555 01{n:02}"),
            "websiteurl": (n != 4).then(|| format!("https://account{n}.example")),
            "_primarycontactid_value": contact(2 * n),
            "_parentaccountid_value": (n == 3).then(|| self::account(1)),
        })
    };
    vec![
        account(1, "Raven & Daughters", "R-100", "Dublin", 120, 12_500_000.0, false),
        account(2, "Łódź Metalworks", "L-200", "Łódź", 950, 88_000_000.5, false),
        account(3, "Harbour Lights Ltd", "H-300", "Basel", 35, 2_400_000.0, true),
        account(4, "O'Hara \"Quick\" Freight", "O-400", "Leeds", 8, 640_000.25, false),
    ]
}

fn contacts() -> Vec<Value> {
    let row = |(n, person): (usize, &Contact)| {
        let (first, last, title, city, company, income, children, no_email) = *person;
        json!({
            "contactid": contact(n), "firstname": first, "lastname": last, "jobtitle": title,
            "address1_city": city, "annualincome": income, "numberofchildren": children, "donotemail": no_email,
            "emailaddress1": format!("contact{n}@example.com"),
            "telephone1": format!("+00 555 02{n:02}"),
            "birthdate": format!("19{:02}-0{}-15T00:00:00Z", 60 + n, 1 + n % 9),
            "_parentcustomerid_value": (company > 0).then(|| account(company)),
        })
    };
    (1..).zip(&PEOPLE).map(row).collect()
}

fn leads() -> Vec<Value> {
    let lead = |n: usize, subject: &str, first: &str, last: &str, company: &str, amount: f64| {
        json!({
            "leadid": lead(n), "subject": subject, "firstname": first, "lastname": last, "companyname": company,
            "estimatedamount": amount, "emailaddress1": format!("lead{n}@example.com"), "donotemail": false,
            "_parentaccountid_value": (n == 1).then(|| account(1)),
        })
    };
    vec![
        lead(1, "Two pumps", "Aoife", "Byrne", "Byrne & Sons", 12_000.0),
        lead(2, "Spare parts", "Søren", "Kjær", "Kjær ApS", 3_500.0),
        lead(3, "Yearly service", "Pat", "O'Dea", "O'Dea Mills", 24_000.5),
        lead(4, "New factory", "Maria", "Silva", "Silva Lda", 1_250_000.0),
    ]
}

fn opportunities() -> Vec<Value> {
    let opportunity = |n: usize, name: &str, value: f64, probability: i64| {
        json!({
            "opportunityid": opportunity(n), "name": name, "estimatedvalue": value, "closeprobability": probability,
            "isrevenuesystemcalculated": false, "estimatedclosedate": format!("2027-0{n}-01T00:00:00Z"),
            "_customerid_value": account(n), "_parentaccountid_value": account(n),
        })
    };
    vec![
        opportunity(1, "Pumps for the dairy", 40_000.0, 60),
        opportunity(2, "Steel frames", 310_000.0, 25),
        opportunity(3, "Lamps & lanterns", 7_900.5, 90),
    ]
}
