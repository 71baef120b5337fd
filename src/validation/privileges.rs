//! The user's privileges as Dataverse lists them: their names and depth, and a cross-check of each finding.

use serde_json::Value;

use super::identity::text;
use super::lines::{Finding, Lines};
use super::probe::Found;
use super::requests::Requests;
use super::verbs::Verb;
use crate::dataverse::advice::verb_and_table;
use crate::host::Host;

/// Privileges on tables, parsed from their names; empty if they cannot be read.
#[derive(Default)]
pub(super) struct Privileges(Vec<Privilege>);

struct Privilege {
    verb: Verb,
    /// The table in the privilege's name, in lower case: `contact`.
    table: String,
    /// The name with the depth: `prvReadContact, Global`.
    shown: String,
}

impl Privileges {
    /// `RetrieveUserPrivileges`, `RolePrivilege` (docs/facts/dataverse.md, 1.10).
    pub(super) async fn read<H: Host>(requests: &Requests<'_, H>, user_id: &str, lines: &mut Lines) -> Self {
        let path = format!("systemusers({user_id})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()");
        let answer = requests.json(path).await;
        let listed = answer.and_then(|answer| {
            let listed = answer.get("RolePrivileges").and_then(Value::as_array).cloned();
            listed.ok_or_else(|| "the answer does not contain it".to_owned())
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

    /// Adds the privilege's name to a finding. If other privileges on the table are listed but this one is
    /// not, an allowed finding becomes unknown: a team may grant the privilege, or Dataverse checks the row
    /// before the privilege.
    pub(super) fn agree(&self, found: Found, set: &str, verb: Verb) -> Found {
        let Found::Allowed(_) = found else {
            return found;
        };
        let of_table: Vec<_> = self.0.iter().filter(|privilege| is_of(&privilege.table, set)).collect();
        match of_table.iter().find(|privilege| privilege.verb == verb) {
            Some(privilege) => Found::Allowed(Some(privilege.shown.clone())),
            None if of_table.is_empty() => found,
            None => Found::Unknown(
                "Dataverse's answer indicates that it is allowed, but the user does not have the privilege itself: a team may grant it"
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

/// Whether an entity set's name is the regular plural of the table's name, as Dataverse forms it. An
/// irregular name does not match, and then there is no cross-check.
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
    fn a_privilege_matches_the_plural_of_its_table() {
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
    fn a_privilege_missing_from_the_list_makes_the_finding_unknown() {
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
        assert!(
            matches!(denied, Found::Denied { .. }),
            "the list does not override a denial"
        );
    }
}
