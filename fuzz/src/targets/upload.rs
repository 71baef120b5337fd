//! The state of resumed uploads.

use std::cell::LazyCell;
use std::rc::Rc;

use dynamics365::fuzzing::Upload;
use dynamics365::fuzzing::{Connection, Instance};

use super::support::{Alone, ENVIRONMENT, settings};

thread_local! {
    static CONNECTION: LazyCell<Rc<Connection>> =
        LazyCell::new(|| Rc::new(Connection::new(settings(), Rc::new(Instance::default()))));
}

/// The state of an upload, which others may have changed.
pub(super) fn upload_state(input: &[u8]) {
    let resume =
        |state: &str| CONNECTION.with(|connection| Upload::resume(Rc::clone(connection), &Alone, state, Vec::new()));
    let Ok(upload) = resume(&String::from_utf8_lossy(input)) else {
        return;
    };
    assert!((1..=16 << 20).contains(&upload.chunk_size()));
    assert!(upload.position().is_multiple_of(u64::from(upload.chunk_size())));

    let state = upload.state();
    let words: Vec<_> = state.splitn(6, ' ').collect();
    let [_, sent, size, _, location, name] = words.as_slice() else {
        panic!("{state}");
    };
    assert_eq!(sent.parse(), Ok(upload.position()));
    assert!(*size == "0" || upload.position() < size.parse().unwrap());
    let (origin, below) = location.split_at(ENVIRONMENT.len());
    let origin = origin.to_ascii_lowercase();
    let below = below.strip_prefix(":443").unwrap_or(below);
    assert!(origin == ENVIRONMENT && below.starts_with("/api/data/"), "{location}");
    assert!(!name.trim().is_empty() && !name.chars().any(char::is_control));
    assert_eq!(resume(&state).unwrap().state(), state);
}
