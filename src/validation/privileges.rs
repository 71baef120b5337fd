//! The user's privileges as Dataverse lists them: their names and depth, and a second opinion on each finding.

use serde_json::Value;

use super::asking::Asking;
use super::identity::text;
use super::lines::{Finding, Lines};
use super::probe::Found;
use super::verbs::Verb;
use crate::dataverse::advice::verb_and_table;
use crate::host::Host;

/// Privileges on tables, by what their names say; empty where they cannot be read.
#[derive(Default)]
pub(super) struct Privileges(Vec<Privilege>);

struct Privilege {
    verb: Verb,
    /// As the name has it, in lower case: `contact`.
    table: String,
    /// With the depth: `prvReadContact, Global`.
    shown: String,
}

impl Privileges {
    /// Microsoft's reference: `RetrieveUserPrivileges`, `RolePrivilege`.
    pub(super) async fn read<H: Host>(asking: &Asking<'_, H>, user_id: &str, lines: &mut Lines) -> Self {
        let path = format!("systemusers({user_id})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()");
        let answer = asking.json(path).await;
        let listed = answer.and_then(|answer| {
            let listed = answer.get("RolePrivileges").and_then(Value::as_array).cloned();
            listed.ok_or_else(|| "the answer does not tell".to_owned())
        });
        let (found, privileges) = match listed {
            Ok(listed) => (
                format!("{} in all", listed.len()),
                listed.iter().filter_map(privilege).collect(),
            ),
            Err(reason) => (format!("their names and depth cannot be read: {reason}"), Vec::new()),
        };
        lines.add("privileges", None, Finding::note(found, None));
        Self(privileges)
    }

    /// A finding with the privilege's name. What is allowed without a privilege that the table's others make expect cannot be
    /// told: a team may give it, or Dataverse looks at the row before the privilege.
    pub(super) fn agree(&self, found: Found, set: &str, verb: Verb) -> Found {
        let Found::Allowed(_) = found else {
            return found;
        };
        let of_table: Vec<_> = self.0.iter().filter(|privilege| is_of(&privilege.table, set)).collect();
        match of_table.iter().find(|privilege| privilege.verb == verb) {
            Some(privilege) => Found::Allowed(Some(privilege.shown.clone())),
            None if of_table.is_empty() => found,
            None => Found::Unknown(
                "Dataverse's answer says that it is allowed, but the privilege is not among the user's own: a team may give it"
                    .to_owned(),
            ),
        }
    }
}

fn privilege(listed: &Value) -> Option<Privilege> {
    let name = text(listed, "PrivilegeName")?;
    let (word, table) = verb_and_table(&name)?;
    let verb = Verb::ALL.into_iter().find(|verb| verb.privilege() == word)?;
    let depth = text(listed, "Depth")
        .map(|depth| format!(", {depth}"))
        .unwrap_or_default();
    Some(Privilege {
        verb,
        table: table.to_ascii_lowercase(),
        shown: format!("{name}{depth}"),
    })
}

/// Whether an entity set can be the table's: its plural, by the rules that Dataverse makes it with. Another is not recognised,
/// and then there is no second opinion.
fn is_of(table: &str, set: &str) -> bool {
    let set = set.to_ascii_lowercase();
    let rest = |ending: &str| set.strip_suffix(ending);
    rest("s") == Some(table)
        || rest("es") == Some(table)
        || rest("ies").is_some_and(|rest| Some(rest) == table.strip_suffix('y'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_privilege_is_of_the_table_whose_plural_is_the_set() {
        for (table, set) in [
            ("contact", "contacts"),
            ("opportunity", "opportunities"),
            ("new_box", "new_boxes"),
        ] {
            assert!(is_of(table, set), "{set}");
        }
        for (table, set) in [
            ("contact", "contract"),
            ("user", "systemusers"),
            ("opportunity", "opportunitys2"),
            ("", ""),
        ] {
            assert!(!is_of(table, set), "{set}");
        }
    }

    #[test]
    fn what_the_list_does_not_bear_out_is_unknown() {
        let listed = [
            json!({"PrivilegeName": "prvReadContact", "Depth": "Basic"}),
            json!({"PrivilegeName": "prvAppendToLead", "Depth": "Basic"}),
            json!({"PrivilegeName": 7}),
            json!(null),
        ];
        let privileges = Privileges(listed.iter().filter_map(privilege).collect());
        assert_eq!(privileges.0.len(), 1);
        let agree = |set, verb| privileges.agree(Found::Allowed(None), set, verb);
        assert!(
            matches!(agree("contacts", Verb::Read), Found::Allowed(Some(shown)) if shown == "prvReadContact, Basic")
        );
        assert!(matches!(agree("contacts", Verb::Write), Found::Unknown(_)));
        assert!(matches!(agree("leads", Verb::Write), Found::Allowed(None)));
        let denied = privileges.agree(
            Found::Denied {
                why: String::new(),
                advice: None,
            },
            "contacts",
            Verb::Read,
        );
        assert!(matches!(denied, Found::Denied { .. }), "Dataverse has the last word");
    }
}
