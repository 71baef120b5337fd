//! Links: what leads to one origin is to lead to another.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// From one origin to another.
#[derive(Clone, Debug)]
pub struct Origins {
    /// What links have.
    pub from: String,
    /// What they are to have.
    pub to: String,
}

impl Origins {
    /// A URL with its origin replaced, where it has the one to replace.
    pub fn replace(&self, url: &str) -> Option<String> {
        let rest = url.get(self.from.len()..)?;
        let begins = url.get(..self.from.len())?.eq_ignore_ascii_case(&self.from);
        (begins && (rest.is_empty() || rest.starts_with(['/', '?', '#']))).then(|| format!("{}{rest}", self.to))
    }
}

/// Replaces the origin of the link in `$id`, by which `DELETE …/$ref` names the row to part with (OData Protocol 4.0,
/// 11.4.6.2), and of no other option: what else a query says is the caller's own. Nothing, where there is none.
pub(crate) fn replace_in_query(origins: &Origins, target: &str) -> Option<String> {
    let (path, query) = target.split_once('?')?;
    let mut is_changed = false;
    let options = query.split('&').map(|option| {
        let replaced = option.split_once('=').and_then(|(name, value)| {
            let is_id = percent_decode_str(name).decode_utf8_lossy() == "$id";
            let replaced = origins
                .replace(&percent_decode_str(value).decode_utf8_lossy())
                .filter(|_| is_id)?;
            Some(format!("{name}={}", utf8_percent_encode(&replaced, NON_ALPHANUMERIC)))
        });
        is_changed |= replaced.is_some();
        replaced.unwrap_or_else(|| option.to_owned())
    });
    let query = options.collect::<Vec<_>>().join("&");
    is_changed.then(|| format!("{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> Origins {
        Origins {
            from: "https://org.example".to_owned(),
            to: "http://gw:3000".to_owned(),
        }
    }

    #[test]
    fn only_the_id_of_a_query_is_a_link() {
        let replaced = |target| replace_in_query(&origins(), target);
        assert_eq!(
            replaced("/a/$ref?x=1&$id=https://org.example/b(1)").as_deref(),
            Some("/a/$ref?x=1&$id=http%3A%2F%2Fgw%3A3000%2Fb%281%29")
        );
        assert_eq!(
            replaced("/a/$ref?%24id=https%3A%2F%2Forg.example%2Fb(1)").as_deref(),
            Some("/a/$ref?%24id=http%3A%2F%2Fgw%3A3000%2Fb%281%29")
        );
        for target in [
            "/a",
            "/a?",
            "/a?$id=b(1)",
            "/a?$filter=x eq 'https://org.example/b'",
            "/a?x=https://org.example/b",
        ] {
            assert_eq!(replaced(target), None, "{target}");
        }
    }

    #[test]
    fn one_url_is_replaced_whole_or_not() {
        assert_eq!(
            origins().replace("https://org.example/x").as_deref(),
            Some("http://gw:3000/x")
        );
        assert_eq!(
            origins().replace("HTTPS://org.example").as_deref(),
            Some("http://gw:3000")
        );
        for url in [
            "",
            "https://org.example.evil/x",
            "https://org.exampl",
            "/x",
            "ébc://org.example/x",
        ] {
            assert_eq!(origins().replace(url), None, "{url}");
        }
    }
}
