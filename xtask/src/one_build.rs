//! Checks that `cargo xtask` and the tests use the same crates with the same features, so that nothing is
//! compiled twice: Wasmtime alone takes minutes.

use std::collections::{BTreeMap, BTreeSet};

/// Each crate with its features and dependencies.
#[derive(Default)]
struct Tree(BTreeMap<String, BTreeSet<String>>);

impl Tree {
    fn of(packages: &[&str]) -> Self {
        let output = crate::cargo()
            .args([
                "tree",
                "--offline",
                "--locked",
                "--prefix",
                "depth",
                "--format",
                " {p} [{f}]",
            ])
            .args(packages)
            .output()
            .expect("cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self::read(&String::from_utf8(output.stdout).expect("text"))
    }

    /// Reads lines such as `2 serde v1.0.229 [derive,std] (*)`, where 2 is the depth, and `(*)` means that
    /// the dependencies are listed elsewhere.
    fn read(text: &str) -> Self {
        let mut tree = Self::default();
        let mut path: Vec<String> = Vec::new();
        for line in text.lines() {
            let Some((depth, shown)) = line.split_once(' ') else {
                continue;
            };
            let depth: usize = depth.parse().expect("a depth");
            let shown = shown.trim_end_matches(" (*)").to_owned();
            path.truncate(depth);
            if let Some(parent) = path.last() {
                tree.0.entry(parent.clone()).or_default().insert(shown.clone());
            }
            tree.0.entry(shown.clone()).or_default();
            path.push(shown);
        }
        tree
    }

    /// A package and all its dependencies.
    fn below(&self, package: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let is_package = |shown: &&String| shown.split(' ').next() == Some(package);
        let mut waiting: Vec<&String> = self.0.keys().filter(is_package).collect();
        while let Some(next) = waiting.pop() {
            if found.insert(next.as_str()) {
                waiting.extend(&self.0[next]);
            }
        }
        found
    }
}

/// The dependencies of `package` that are in one tree and not in the other.
fn only_in_one(package: &str, one: &Tree, other: &Tree) -> Vec<String> {
    let (one, other) = (one.below(package), other.below(package));
    assert!(!one.is_empty() && !other.is_empty(), "no {package}");
    let minus = one.difference(&other).map(|shown| format!("- {shown}"));
    let plus = other.difference(&one).map(|shown| format!("+ {shown}"));
    minus.chain(plus).collect()
}

#[test]
fn the_tests_use_what_cargo_xtask_has_compiled() {
    let xtask = Tree::of(&["--package", "xtask", "--edges", "normal,build"]);
    assert!(xtask.below("xtask").iter().any(|shown| shown.starts_with("wasmtime v")));
    for (command, packages, package) in [
        ("cargo test --workspace", ["--workspace"].as_slice(), "xtask"),
        ("cargo test", &[], "xtask"),
        ("cargo test --package xtask", &["--package", "xtask"], "xtask"),
        (
            "cargo test --package embedded-host",
            &["--package", "embedded-host"],
            "embedded-host",
        ),
    ] {
        let differences = only_in_one(package, &xtask, &Tree::of(packages));
        assert!(
            differences.is_empty(),
            "these are compiled once for `cargo xtask` (-) and once more for `{command}` (+). Add the features to the lists in \
             crates/embedded-host/Cargo.toml that say why they are there:\n{}",
            differences.join("\n")
        );
    }
}

#[test]
fn a_feature_that_differs_anywhere_below_is_seen() {
    let one = Tree::read("0 xtask v1 []\n1 host v1 []\n2 serde v1 [std]\n1 host v1 [] (*)\n0 aside v1 []\n1 syn v2 []");
    let same =
        Tree::read("0 aside v1 []\n1 syn v2 [full]\n0 host v1 []\n1 serde v1 [std]\n\n0 xtask v1 []\n1 host v1 [] (*)");
    let other = Tree::read("0 xtask v1 []\n1 host v1 []\n2 serde v1 [derive,std]");
    assert_eq!(only_in_one("xtask", &one, &same), [""; 0]);
    assert_eq!(
        only_in_one("xtask", &one, &other),
        ["- serde v1 [std]", "+ serde v1 [derive,std]"]
    );
}
