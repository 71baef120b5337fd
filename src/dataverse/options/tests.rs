use super::*;

const GUID: &str = "00000000-0000-0000-0000-000000000009";

/// The headers as lines, and the faults as `field reason`.
fn applied(options: &Options, method: &Method, given: &[(&'static str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        headers.append(*name, value.parse().unwrap());
    }
    let mut faults = Faults::default();
    apply(options, method, &mut headers, &mut faults);
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    let faults = faults
        .into_iter()
        .map(|fault| format!("{} {}", fault.field, fault.reason));
    (lines, faults.collect())
}

fn sent(options: &Options, method: &Method, given: &[(&'static str, &str)]) -> Vec<String> {
    let (lines, faults) = applied(options, method, given);
    assert_eq!(faults, [""; 0]);
    lines
}

fn faults(options: &Options, method: &Method, given: &[(&'static str, &str)]) -> Vec<String> {
    applied(options, method, given).1
}

#[test]
fn preferences_go_into_one_header_with_the_callers() {
    let read = Options {
        annotations: Some("*".to_owned()),
        page_size: Some(50),
        track_changes: Some(true),
        ..Options::default()
    };
    assert_eq!(
        sent(
            &read,
            &Method::GET,
            &[("prefer", "respond-async"), ("prefer", "odata.maxpagesize=50")]
        ),
        ["prefer: respond-async,odata.maxpagesize=50,odata.include-annotations=\"*\",odata.track-changes"]
    );
    let write = Options {
        return_representation: Some(true),
        ..Options::default()
    };
    assert_eq!(sent(&write, &Method::PATCH, &[]), ["prefer: return=representation"]);
    assert_eq!(
        sent(&write, &Method::POST, &[("prefer", "Return=\"representation\"")]),
        ["prefer: Return=\"representation\""]
    );
    let off = Options {
        return_representation: Some(false),
        track_changes: Some(false),
        strong_consistency: Some(false),
        suppress_flows: Some(false),
        ..Options::default()
    };
    assert_eq!(sent(&off, &Method::DELETE, &[]), [""; 0]);
}

#[test]
fn each_option_is_its_header() {
    let all = Options {
        strong_consistency: Some(true),
        suppress_duplicate_detection: Some(false),
        bypass_custom_logic: Some(CustomLogic::Both),
        suppress_flows: Some(true),
        caller: Some(Caller::EntraObjectId(GUID.to_owned())),
        ..Options::default()
    };
    assert_eq!(
        sent(&all, &Method::POST, &[]),
        [
            "callerobjectid: 00000000-0000-0000-0000-000000000009",
            "consistency: Strong",
            "mscrm.bypassbusinesslogicexecution: CustomSync,CustomAsync",
            "mscrm.suppresscallbackregistrationexpanderjob: true",
            "mscrm.suppressduplicatedetection: false",
        ]
    );
    for (logic, value) in [
        (CustomLogic::Synchronous, "CustomSync"),
        (CustomLogic::Asynchronous, "CustomAsync"),
    ] {
        let options = Options {
            bypass_custom_logic: Some(logic),
            ..Options::default()
        };
        let line = format!("mscrm.bypassbusinesslogicexecution: {value}");
        assert_eq!(sent(&options, &Method::POST, &[]), [line]);
    }
    let user = Options {
        caller: Some(Caller::SystemUserId(GUID.to_owned())),
        suppress_duplicate_detection: Some(true),
        ..Options::default()
    };
    assert_eq!(
        sent(&user, &Method::GET, &[]),
        [
            "mscrm.suppressduplicatedetection: true",
            "mscrmcallerid: 00000000-0000-0000-0000-000000000009"
        ]
    );
}

fn under(condition: Condition) -> Options {
    Options {
        condition: Some(condition),
        ..Options::default()
    }
}

#[test]
fn conditions_go_with_their_methods() {
    let etag = "W/\"123\"".to_owned();
    let all = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
    for (condition, line, methods) in [
        (
            Condition::IfMatch(etag.clone()),
            "if-match: W/\"123\"",
            [false, false, true, true, true],
        ),
        (Condition::MustExist, "if-match: *", [false, false, true, true, true]),
        (
            Condition::MustNotExist,
            "if-none-match: *",
            [false, false, true, false, false],
        ),
        (
            Condition::IfNoneMatch(etag),
            "if-none-match: W/\"123\"",
            [true, false, false, false, false],
        ),
    ] {
        let options = under(condition);
        for (method, fits) in all.iter().zip(methods) {
            if fits {
                assert_eq!(sent(&options, method, &[]), [line], "{method}");
            } else {
                let faults = faults(&options, method, &[]);
                assert!(faults[0].starts_with("options.condition."), "{faults:?}");
                assert!(faults[0].contains(&format!("not for {method}")), "{faults:?}");
            }
        }
    }
}

#[test]
fn what_contradicts_a_header_is_refused() {
    let condition = under(Condition::MustExist);
    let caller = Options {
        caller: Some(Caller::EntraObjectId(GUID.to_owned())),
        ..Options::default()
    };
    let page = Options {
        page_size: Some(10),
        ..Options::default()
    };
    let representation = Options {
        return_representation: Some(true),
        ..Options::default()
    };
    for (options, method, header) in [
        (&condition, Method::PATCH, ("if-match", "W/\"1\"")),
        (&condition, Method::PATCH, ("if-none-match", "*")),
        (
            &caller,
            Method::GET,
            ("callerobjectid", "00000000-0000-0000-0000-000000000001"),
        ),
        (&caller, Method::GET, ("mscrmcallerid", GUID)),
        (
            &page,
            Method::GET,
            ("prefer", "odata.track-changes, odata.maxpagesize=11"),
        ),
        (&representation, Method::POST, ("prefer", "return=minimal")),
    ] {
        let faults = faults(options, &method, &[header]);
        assert_eq!(faults.len(), 1, "{header:?}");
        assert!(
            faults[0].contains(&format!("contradicts headers.{}", header.0)),
            "{faults:?}"
        );
    }
    assert_eq!(sent(&condition, &Method::PATCH, &[("if-match", "*")]), ["if-match: *"]);
    assert_eq!(sent(&caller, &Method::GET, &[("callerobjectid", GUID)]).len(), 1);
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
    let page = |size| Options {
        page_size: Some(size),
        ..Options::default()
    };
    for size in [0, 5001, u32::MAX] {
        assert!(faults(&page(size), &Method::GET, &[])[0].starts_with("options.page-size "));
    }
    assert!(faults(&page(5), &Method::POST, &[])[0].contains("not for POST"));
    for pattern in [
        "",
        "a,,b",
        "*\", return=representation",
        "a b",
        "a\r\nX: y",
        "é",
        ",",
        "\"",
    ] {
        let options = Options {
            annotations: Some(pattern.to_owned()),
            ..Options::default()
        };
        assert!(
            faults(&options, &Method::GET, &[])[0].starts_with("options.annotations "),
            "{pattern}"
        );
    }
    for etag in [
        "",
        "123",
        "W/123",
        "\"1\", \"2\"",
        "W/\"\"",
        "\"a\r\nX: y\"",
        "\"\u{e9}\"",
        "*",
        "\"",
    ] {
        let options = under(Condition::IfMatch(etag.to_owned()));
        let faults = faults(&options, &Method::PATCH, &[]);
        assert!(
            faults.first().is_some_and(|fault| fault.contains("not a version")),
            "{etag}"
        );
    }
    for id in [
        "",
        "me",
        "{00000000-0000-0000-0000-000000000009}",
        "00000000000000000000000000000009",
    ] {
        for caller in [
            Caller::EntraObjectId(id.to_owned()),
            Caller::SystemUserId(id.to_owned()),
        ] {
            let options = Options {
                caller: Some(caller),
                ..Options::default()
            };
            assert!(faults(&options, &Method::GET, &[])[0].contains("not a GUID"), "{id}");
        }
    }
}
