//! What to do about the errors that people meet most, in a sentence. Of what a service says, nothing but the name of a
//! privilege goes into one.

/// Where roles and application users are looked after.
pub(crate) const ADMIN: &str = "Power Platform admin center, the environment, Settings, Users + permissions";

/// The sentence for an error of Dataverse, if there is one. `code` is in hexadecimal.
pub(crate) fn advice(status: u16, code: &str, message: &str) -> Option<String> {
    let number = code.get(2..).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let of_code = number.and_then(|number| of_code(status, number));
    let (sentence, place) = match of_code.or_else(|| of_status(status))? {
        (_, Place::Privilege) => return Some(missing_privilege(message)),
        found => found,
    };
    Some(match place {
        Place::Inside(page) => format!("{sentence} ({ADMIN}, {page})"),
        Place::Settings(page) => format!("{sentence} (Power Platform admin center, the environment, Settings, {page})"),
        Place::Nowhere | Place::Privilege => sentence.to_owned(),
    })
}

/// Where something is changed.
enum Place {
    Nowhere,
    /// Where users and roles are looked after.
    Inside(&'static str),
    /// Elsewhere among the environment's settings.
    Settings(&'static str),
    /// In the role that lacks the privilege that the message names.
    Privilege,
}

const ROLES: Place = Place::Inside("Security roles");
const USERS: Place = Place::Inside("Application users");
const PRIVACY: Place = Place::Settings("Privacy + Security");

/// What an integration meets in daily work, of Microsoft's list "Web service error codes"
/// (<https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes>; docs/facts/dataverse.md, 1.8).
fn of_code(status: u16, code: u32) -> Option<(&'static str, Place)> {
    use Place::Nowhere;
    Some(match code {
        // Who calls.
        0x8004_0220 => ("", Place::Privilege),
        0x8004_0231 => (
            "the user or team that is to own the row, or to share it, lacks a privilege for its table: give it in a security role",
            ROLES,
        ),
        0x8004_8306 => (
            "the application user has the privilege, but not for this row: widen its access level in the security role (user, \
             business unit, organization), or share the row with it",
            ROLES,
        ),
        0x8004_f502..=0x8004_f504 | 0x8004_f506 | 0x8004_f507 => (
            "a column of the request is secured: give the application user a column security profile that allows this",
            Place::Inside("Column security profiles"),
        ),
        0x8004_2f09 => ("the application user has no security role: give it one", USERS),
        0x8007_2560 => (
            "the environment has no application user for this application: create one with its client id and give it a security role",
            Place::Inside("Application users, New app user"),
        ),
        0x8004_0225 => (
            "the application user is disabled, or belongs to no business unit: activate it again",
            USERS,
        ),
        0x8004_022b => (
            "the user that is to own the row is disabled: name another owner",
            Nowhere,
        ),
        0x8004_d24b => (
            "the user has no license. An application user needs none: assign one to the user on whose behalf the request is made",
            Nowhere,
        ),
        0x8009_5ffc => (
            "the environment lets only listed applications in: have its administrator allow this client id",
            PRIVACY,
        ),
        0x8009_5ffe => (
            "the environment lets only listed addresses in: have its administrator allow the address that this host calls from",
            PRIVACY,
        ),
        0x8004_a113 => (
            "the environment is in administration mode, in which it lets only administrators in: wait until that ends",
            Nowhere,
        ),
        // What is asked for.
        0x8006_088a if status == 501 => (
            "Dataverse does not support this here: leave the function or option out of the query, or have the feature turned on",
            Nowhere,
        ),
        0x8006_0888 | 0x8006_088a => (
            "Dataverse cannot make sense of the path or query: tables are named by their entity set (contacts), columns by their \
             logical name in lower case, lookups as _name_value, and navigation properties, functions and actions in their own \
             capitals",
            Nowhere,
        ),
        0x8004_1102 | 0x8004_f899 | 0x8009_4005 => (
            "the environment has no table of this name: FetchXML names tables by their logical name (contact), and the solution \
             that brings the table must be installed",
            Nowhere,
        ),
        0x8004_1103 => (
            "the table has no column of this name: columns are named by their logical name in lower case",
            Nowhere,
        ),
        0x8004_1129 | 0x8004_112a => (
            "the paging cookie belongs to another query: keep the query and its order from page to page",
            Nowhere,
        ),
        0x8004_e023 => (
            "an aggregate is made of 50,000 rows at most: narrow the filter, and add the results up",
            Nowhere,
        ),
        0x8004_0217 => (
            "no row has this id in this environment: it was deleted, or the id belongs to another table or another environment",
            Nowhere,
        ),
        0x8006_0891 => (
            "no row has these values in its alternate key: check them, or let a PATCH without a condition create the row",
            Nowhere,
        ),
        0x8006_0890 => (
            "the table has no alternate key of exactly these columns, or it is not active yet: define it, and wait for its index",
            Nowhere,
        ),
        0x8006_089d => (
            "several rows have these values in the alternate key: make them differ, and name the row by its id until then",
            Nowhere,
        ),
        // What is written.
        0x8004_8d19 => (
            "the body does not fit the table: columns are named by their logical name in lower case, values have the column's \
             type, and a lookup is set by its navigation property in its own capitals (parentcustomerid_account@odata.bind)",
            Nowhere,
        ),
        0x8004_4331 | 0x8009_0429 => (
            "a text is longer than its column allows: shorten it, or widen the column",
            Nowhere,
        ),
        0x8004_432f => ("a number is outside the range that its column allows", Nowhere),
        0x8004_431a => (
            "a choice column has no option of this value: take one that its definition lists",
            Nowhere,
        ),
        0x8004_4354 => ("a value is of another type than its column", Nowhere),
        0x8004_4a02 => (
            "the file is larger than its column allows: raise the column's maximum file size",
            Nowhere,
        ),
        0x8004_3e09 => (
            "the file is too large, or its type is blocked in this environment",
            PRIVACY,
        ),
        0x8005_0401 | 0x8005_0402 => (
            "the storage that was bought is used up: rows can be read and deleted until its administrator frees or adds capacity",
            Nowhere,
        ),
        // What others have written.
        0x8006_0882 => (
            "the row has been changed since its version was read: read it again, and repeat the change with the new ETag",
            Nowhere,
        ),
        0x8006_0892 => (
            "another row has the same values in an alternate key: change them, or update that row by its key",
            Nowhere,
        ),
        0x8004_0237 => (
            "a row with this id or key is there already: an earlier attempt may have created it, so read it first",
            Nowhere,
        ),
        0x8004_0333 => (
            "a duplicate detection rule found another such row: update that one, or suppress duplicate detection",
            Nowhere,
        ),
        0x8004_0227 => (
            "other rows refer to this one, and their relationship keeps it: delete those first, or let them refer to another",
            Nowhere,
        ),
        // How much.
        0x8007_2322 => (
            "too many requests within five minutes: wait as long as asked; many small requests go better as one of CreateMultiple \
             or UpdateMultiple",
            Nowhere,
        ),
        0x8007_2321 => (
            "the requests of five minutes took too much time to carry out: wait as long as asked, and ask for less at a time",
            Nowhere,
        ),
        0x8007_2326 | 0x8007_2327 => (
            "too many requests at once: wait as long as asked, and have fewer under way",
            Nowhere,
        ),
        0x8006_0308 => (
            "too many requests to Dataverse search: wait, and search less often",
            Nowhere,
        ),
        // What failed inside.
        0x8004_0265 | 0x8004_0224 | 0x8004_8d02..=0x8004_8d11 => (
            "a plug-in or workflow of this environment refused the request or failed at it: its message says why, and the \
             environment's plug-in trace log has more",
            Nowhere,
        ),
        0x8004_4150 | 0x8004_4151 => (
            "the database failed or took too long: try again later, and ask for less at a time",
            Nowhere,
        ),
        0x8004_0216 => (
            "Dataverse failed in an unexpected way: try again later; Microsoft's support finds the cause by the request id",
            Nowhere,
        ),
        _ => return None,
    })
}

fn of_status(status: u16) -> Option<(&'static str, Place)> {
    let sentence = match status {
        401 => {
            "Dataverse does not accept the token: the environment must belong to the tenant that issued it, and the scope must be \
             the environment's own URL with /.default"
        }
        407 => {
            "a proxy between this host and Dataverse wants to know who calls: let the host pass it, or reach Dataverse without it"
        }
        413 => "the request is larger than Dataverse takes: send less at a time, and files in chunks",
        _ => return None,
    };
    Some((sentence, Place::Nowhere))
}

fn missing_privilege(message: &str) -> String {
    let Some(privilege) = privilege_in(message) else {
        return format!(
            "the application user lacks a privilege: give it in its security role ({ADMIN}, Security roles)"
        );
    };
    match verb_and_table(privilege) {
        Some((verb, table)) => format!(
            "the application user lacks {privilege}: give its security role \"{verb}\" on the table {table} ({ADMIN}, Security \
             roles)"
        ),
        None => {
            format!("the application user lacks {privilege}: give it in its security role ({ADMIN}, Security roles)")
        }
    }
}

/// The first word that can be the name of a privilege, such as `prvReadContact` or `prvWritenew_Project`.
pub(crate) fn privilege_in(message: &str) -> Option<&str> {
    const LONGEST: usize = 100;
    message
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| (5..=LONGEST).contains(&word.len()) && word.starts_with("prv"))
}

/// What a role's editor calls the privilege, and of which table. Privileges of no table have other names, such as
/// `prvActOnBehalfOfAnotherUser`.
pub(crate) fn verb_and_table(privilege: &str) -> Option<(&'static str, &str)> {
    const VERBS: [(&str, &str); 8] = [
        ("prvCreate", "Create"),
        ("prvRead", "Read"),
        ("prvWrite", "Write"),
        ("prvDelete", "Delete"),
        ("prvAppendTo", "Append to"),
        ("prvAppend", "Append"),
        ("prvAssign", "Assign"),
        ("prvShare", "Share"),
    ];
    let mut named = VERBS
        .iter()
        .filter_map(|(prefix, verb)| Some((*verb, privilege.strip_prefix(prefix)?)));
    // Of prvAppendTopic the table is Topic. Tables of solutions begin with a prefix in lower case and an underscore.
    let is_table = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase()) || name.contains('_');
    named.find(|(_, table)| is_table(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_privilege_is_named_with_what_to_change() {
        for (message, parts) in [
            (
                "Principal user (Id=1f6a, type=8, roleCount=1) is missing prvReadContact privilege (Id=x) on OTC=2",
                ["prvReadContact", "\"Read\" on the table Contact"],
            ),
            (
                "missing prvAppendToAccount",
                ["prvAppendToAccount", "\"Append to\" on the table Account"],
            ),
            (
                "missing prvAppendTopic",
                ["prvAppendTopic", "\"Append\" on the table Topic"],
            ),
            (
                "missing prvWritenew_Project.",
                ["prvWritenew_Project", "table new_Project"],
            ),
            (
                "lacks prvActOnBehalfOfAnotherUser",
                ["lacks prvActOnBehalfOfAnotherUser:", "in its security role"],
            ),
            (
                "SecLib::CheckPrivilege failed",
                ["lacks a privilege", "in its security role"],
            ),
            ("", ["lacks a privilege", "in its security role"]),
        ] {
            let advice = advice(403, "0x80040220", message).unwrap();
            for part in parts {
                assert!(advice.contains(part), "{message}: {advice}");
            }
        }
    }

    #[test]
    fn nothing_else_of_a_message_is_repeated() {
        for message in [
            "prv<script>alert(1)</script>",
            "prvRead\r\nX-Evil: 1",
            &format!("prv{}", "A".repeat(1000)),
        ] {
            let advice = advice(403, "0x80040220", message).unwrap();
            assert!(
                !advice.contains("script") && !advice.contains("Evil") && advice.len() < 300,
                "{advice}"
            );
        }
    }

    #[test]
    fn codes_are_read_in_either_case_and_others_have_no_advice() {
        assert_eq!(advice(403, "0x80095FFC", ""), advice(403, "0x80095ffc", ""));
        assert!(advice(403, "0X80095ffc", "").is_some());
        for code in ["0x80040203", "0x1", "0x", "", "x", "é1", "invalid_token", "80095ffc"] {
            assert_eq!(advice(400, code, "prvReadContact"), None, "{code}");
        }
        assert_eq!(advice(500, "", ""), None);
    }
}
