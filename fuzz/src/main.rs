//! Fuzzes the target in the variable `FUZZ_TARGET`: one program for all targets, so that it is built once.

#![no_main]

mod targets;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target");
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    target.expect("FUZZ_TARGET is in src/targets/mod.rs")
});

fuzz_target!(|input: &[u8]| (TARGET.run)(input));
