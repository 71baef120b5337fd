//! `Prefer: odata.include-annotations`, which is required to get a paging cookie.

use http::HeaderMap;

use crate::http::prefer;

const PREFERENCE: &str = "odata.include-annotations";
const PAGING: [&str; 2] = [
    "Microsoft.Dynamics.CRM.fetchxmlpagingcookie",
    "Microsoft.Dynamics.CRM.morerecords",
];
/// Patterns that include both annotations.
const COVERING: [&str; 2] = ["*", "Microsoft.Dynamics.CRM.*"];

/// Adds the annotations for paging to those that the caller requests.
pub(crate) fn ask_for_paging(headers: &mut HeaderMap) {
    let mut annotations: Vec<String> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for preference in prefer::list(headers) {
        match preference.split_once('=') {
            Some((name, list)) if name.trim().eq_ignore_ascii_case(PREFERENCE) => {
                let list = list.trim().trim_matches('"').split(',').map(str::trim);
                annotations.extend(list.filter(|name| !name.is_empty()).map(str::to_owned));
            }
            _ => others.push(preference),
        }
    }
    if !annotations.iter().any(|name| COVERING.contains(&name.as_str())) {
        for name in PAGING {
            if !annotations.iter().any(|there| there == name) {
                annotations.push(name.to_owned());
            }
        }
    }
    others.push(format!("{PREFERENCE}=\"{}\"", annotations.join(",")));
    prefer::set(headers, &others);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(given: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-other", "kept".parse().unwrap());
        for value in given {
            headers.append("prefer", value.parse().unwrap());
        }
        ask_for_paging(&mut headers);
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["x-other"], "kept");
        headers["prefer"].to_str().unwrap().to_owned()
    }

    #[test]
    fn paging_is_asked_for_beside_what_the_caller_wants() {
        let paging = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie,Microsoft.Dynamics.CRM.morerecords";
        assert_eq!(asked(&[]), format!("odata.include-annotations=\"{paging}\""));
        assert_eq!(
            asked(&[
                "odata.include-annotations=\"OData.Community.Display.V1.FormattedValue, x.y\",odata.maxpagesize=5",
                "respond-async"
            ]),
            format!(
                "odata.maxpagesize=5,respond-async,\
                 odata.include-annotations=\"OData.Community.Display.V1.FormattedValue,x.y,{paging}\""
            )
        );
        assert_eq!(
            asked(&["OData.Include-Annotations=Microsoft.Dynamics.CRM.morerecords"]),
            "odata.include-annotations=\"Microsoft.Dynamics.CRM.morerecords,Microsoft.Dynamics.CRM.fetchxmlpagingcookie\""
        );
    }

    #[test]
    fn what_asks_for_all_is_left_as_it_is() {
        for all in ["*", "a.b,Microsoft.Dynamics.CRM.*"] {
            let preference = format!("odata.include-annotations=\"{all}\"");
            assert_eq!(asked(&[&preference]), preference);
        }
    }
}
