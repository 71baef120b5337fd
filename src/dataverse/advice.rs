//! What to do about the errors that people meet most, in a sentence. Of what a service says, nothing but the name of a
//! privilege goes into one.

/// Where roles and application users are looked after.
pub(crate) const ADMIN: &str = "Power Platform admin center, the environment, Settings, Users + permissions";

/// The sentence for an error of Dataverse, if there is one. `code` is in hexadecimal.
pub(crate) fn advice(status: u16, code: &str, message: &str) -> Option<String> {
    let advice = match code.to_ascii_lowercase().as_str() {
        "0x80040220" => return Some(missing_privilege(message)),
        "0x80048306" => format!(
            "the application user has the privilege, but not for this row: widen its access level in the security role (user, \
             business unit, organization), or share the row with it ({ADMIN}, Security roles)"
        ),
        "0x80072560" => format!(
            "the environment has no application user for this application: create one with its client id and give it a security \
             role ({ADMIN}, Application users, New app user)"
        ),
        "0x80040225" | "0x8004d24b" => {
            format!("the application user is disabled: activate it again ({ADMIN}, Application users)")
        }
        "0x80095ffc" => "the environment lets only listed applications in: have its administrator allow this client id (Power \
                         Platform admin center, the environment, Settings, Privacy + Security)"
            .to_owned(),
        "0x80060888" => "Dataverse cannot make sense of the path or query: tables are named by their entity set (contacts), columns \
                         by their logical name in lower case, lookups as _name_value, and navigation properties in their own \
                         capitals"
            .to_owned(),
        "0x80040217" => "no row has this id in this environment: it was deleted, or the id belongs to another table or another \
                         environment"
            .to_owned(),
        "0x80060882" => "the row has been changed since its version was read: read it again, and repeat the change with the new ETag"
            .to_owned(),
        "0x80072322" => "too many requests within five minutes: wait as long as asked; many small requests go better as one of \
                         CreateMultiple or UpdateMultiple"
            .to_owned(),
        "0x80072321" => "the requests of five minutes took too much time to carry out: wait as long as asked, and ask for less at \
                         a time"
            .to_owned(),
        "0x80072326" => "too many requests at once: wait as long as asked, and have fewer under way".to_owned(),
        _ if status == 401 => "Dataverse does not accept the token: the environment must belong to the tenant that issued it, and the \
                               scope must be the environment's own URL with /.default"
            .to_owned(),
        _ => return None,
    };
    Some(advice)
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
    fn there_is_advice_for_the_codes_that_people_meet() {
        for (status, code, part) in [
            (403, "0x80072560", "create one with its client id"),
            (403, "0x80048306", "access level"),
            (400, "0x80060888", "entity set"),
            (404, "0x80040217", "no row"),
            (412, "0x80060882", "new ETag"),
            (403, "0x80040225", "disabled"),
            (403, "0x80095FFC", "allow this client id"),
            (429, "0x80072322", "too many requests within"),
            (429, "0x80072321", "took too much time"),
            (429, "0x80072326", "at once"),
            (401, "", "tenant"),
        ] {
            assert!(advice(status, code, "").unwrap().contains(part), "{code}");
        }
        assert_eq!(advice(400, "0x80040203", "prvReadContact"), None);
        assert_eq!(advice(500, "", ""), None);
    }
}
