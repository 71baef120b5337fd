//! References in the documentation resolve: links point to files and headings that exist, comments of the form
//! `docs/facts/entra.md, 3` to a section of that page, and each page that a comment names by title has its URL in
//! `docs/facts/README.md`.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn links_in_markdown_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = files(root, &["md"]);
    assert!(pages.len() > 10, "found {} pages only", pages.len());
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for target in links(&text) {
            if let Err(reason) = resolve(root, page, &target) {
                broken.push(format!("{}: {target}: {reason}", shown(root, page)));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// These paths are pasted into terminals, so a moved page would otherwise not be noticed.
#[test]
fn pages_that_code_and_manifests_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for file in sources(root).into_iter().chain(files(root, &["toml", "yaml", "wit"])) {
        let text = fs::read_to_string(&file).unwrap();
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !"/._-".contains(c)) {
            let word = word.trim_end_matches('.');
            let is_ours = word.starts_with("docs/") || ["README.md", "CONTRIBUTING.md", "SECURITY.md"].contains(&word);
            if is_ours && word.ends_with(".md") && !root.join(word).is_file() {
                missing.push(format!("{}: {word}", shown(root, &file)));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn references_to_facts_lead_to_a_section() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    let mut count = 0;
    for file in sources(root) {
        let comments = comments(&fs::read_to_string(&file).unwrap());
        // Another form would not be resolved.
        for name in ["entra", "dataverse", "hosts", "identities", "wasi03"] {
            if comments.contains(&format!("facts: {name} ")) {
                missing.push(format!("{}: write docs/facts/{name}.md, SECTION", shown(root, &file)));
            }
        }
        for (name, section) in facts(&comments) {
            count += 1;
            let page = root.join("docs/facts").join(format!("{name}.md"));
            let numbers = fs::read_to_string(&page)
                .map(|text| sections(&text))
                .unwrap_or_default();
            if !numbers.contains(&section) {
                missing.push(format!("{}: docs/facts/{name}.md, {section}", shown(root, &file)));
            }
        }
    }
    assert!(count > 50, "found {count} references only");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn pages_named_by_title_have_a_url() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join("docs/facts/README.md")).unwrap();
    let mut missing = Vec::new();
    for file in sources(root) {
        for title in titles(&comments(&fs::read_to_string(&file).unwrap())) {
            let has_url = |line: &str| line.contains("https://") && line.contains(&title);
            if !table.lines().any(has_url) {
                missing.push(format!("{}: \"{title}\"", shown(root, &file)));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn what_is_read_of_a_page() {
    let page = "# A `b` page: 1.2\n\n[one](x.md#a-b) ![two](y.png \"Y\") `[no](none.md)`\n[three]\n\n```\n[no](none.md)\n# no\n```\n\
                ## Again\n## Again\n<a name=\"here\"></a>\n\n[three]: <z.md>\n[![badge](b.svg)](c.md)\n";
    assert_eq!(links(page), ["x.md#a-b", "y.png", "z.md", "b.svg", "c.md"]);
    let expected = ["a-b-page-12", "again", "again-1", "here"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(expected));
    assert_eq!(sections("## 1. One\n### 1.10 Ten\n#### none\n").len(), 2);
    let code = "/// Microsoft's pages \"One\n/// two\" and \"Three\" (docs/facts/entra.md, 1.2, 3).\nlet x = \"page\";\n\
                // docs/facts/hosts.md, 2 and 5.5; docs/facts/README.md\n";
    assert_eq!(titles(&comments(code)), ["One two", "Three"]);
    let found = facts(&comments(code));
    let found: Vec<_> = found
        .iter()
        .map(|(name, section)| format!("{name} {section}"))
        .collect();
    assert_eq!(found, ["entra 1.2", "hosts 2", "hosts 5.5"]);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = root.join("docs/facts/README.md");
    for good in [
        "entra.md",
        "#standards",
        "../facts/entra.md#5-clouds",
        "https://example.com/x",
        "../../README.md",
        "..",
    ] {
        assert_eq!(resolve(root, &page, good), Ok(()), "{good}");
    }
    for bad in [
        "nowhere.md",
        "#nowhere",
        "entra.md#nowhere",
        "../../../x",
        "/docs/facts/entra.md",
        "http://example.com/",
        "ftp:x",
    ] {
        assert!(resolve(root, &page, bad).is_err(), "{bad}");
    }
}

/// The files written by people, without generated, fetched and hidden ones.
fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || ["target", "node_modules", "corpus"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|e| extension == *e))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// All Rust code except this file, whose examples are broken on purpose.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut sources = files(root, &["rs", "wit"]);
    sources.retain(|path| !path.ends_with("tests/docs_links.rs"));
    assert!(sources.len() > 50, "found {} files only", sources.len());
    sources
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// The lines outside fenced blocks, without text in backticks.
fn prose(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push(line.split('`').step_by(2).collect());
        }
    }
    lines
}

/// The targets of links and images on a page.
fn links(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in prose(text) {
        let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        if let Some((_, target)) = definition {
            targets.push(target.trim().trim_matches(['<', '>']).to_owned());
            continue;
        }
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let (target, next) = after.split_once(')').unwrap_or((after, ""));
            targets.push(target.split(' ').next().unwrap_or_default().to_owned());
            rest = next;
        }
    }
    targets
}

/// The anchors of a page's headings, as GitHub makes them, and explicit anchors.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        if let Some((_, after)) = line.split_once("<a name=\"") {
            anchors.extend(after.split('"').next().map(str::to_owned));
        }
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title
            .trim()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug: String = kept
            .flat_map(char::to_lowercase)
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = seen.entry(slug.clone()).or_default();
        anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}

/// The numbers of a page's sections: `## 3. Answers`, `### 1.10 Users`.
fn sections(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter_map(|line| {
        line.trim_start_matches('#')
            .strip_prefix(' ')
            .filter(|_| line.starts_with('#'))
    });
    let numbers = headings
        .filter_map(|title| title.split(' ').next())
        .map(|number| number.trim_end_matches('.'));
    numbers
        .filter(|number| number.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

fn resolve(root: &Path, page: &Path, target: &str) -> Result<(), String> {
    if target.starts_with("https://") {
        return Ok(());
    }
    if target.starts_with('/') || target.contains(':') {
        return Err("is neither relative nor https".to_owned());
    }
    let (path, anchor) = target
        .split_once('#')
        .map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let file = if path.is_empty() {
        page.to_path_buf()
    } else {
        page.parent().unwrap().join(path)
    };
    let file = file.canonicalize().map_err(|_| "no such file".to_owned())?;
    if !file.starts_with(root.canonicalize().unwrap()) {
        return Err("leads out of the repository".to_owned());
    }
    match anchor {
        Some(anchor) if !anchors(&fs::read_to_string(&file).map_err(|e| e.to_string())?).contains(anchor) => {
            Err("no such heading".to_owned())
        }
        _ => Ok(()),
    }
}

/// The comments of a file, consecutive lines as one text.
fn comments(code: &str) -> String {
    let mut text = String::new();
    for line in code.lines() {
        match line.split_once("//") {
            Some((_, comment)) => {
                text.push_str(comment.trim_start_matches(['/', '!']).trim());
                text.push(' ');
            }
            None => text.push('\n'),
        }
    }
    text
}

/// The titles in quotes after "Microsoft's page", up to the end of the sentence or the parenthesis.
fn titles(comments: &str) -> Vec<String> {
    let mut titles = Vec::new();
    for after in comments.split("Microsoft's page").skip(1) {
        let after = after.strip_prefix('s').unwrap_or(after);
        let mut parts = after.split('"');
        // Only "and" and commas may be between the titles.
        while parts
            .next()
            .is_some_and(|between| [" ", ", ", " and "].contains(&between))
        {
            titles.extend(parts.next().map(str::to_owned));
        }
    }
    titles
}

/// The page and the sections of each `docs/facts/entra.md, 3` or `docs/facts/entra.md, 1.2 and 3`.
fn facts(comments: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for after in comments.split("docs/facts/").skip(1) {
        let Some((name, mut rest)) = after.split_once(".md, ") else {
            continue;
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
            continue;
        }
        loop {
            let end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let number = rest[..end].trim_end_matches('.');
            if number.is_empty() {
                break;
            }
            found.push((name.to_owned(), number.to_owned()));
            let Some(next) = rest[end..].strip_prefix(" and ") else {
                break;
            };
            rest = next;
        }
    }
    found
}
