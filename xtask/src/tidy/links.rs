//! Relative links in the documentation lead somewhere.

use std::path::Path;

use super::{File, Findings};

/// Checks every link of every Markdown file; only whether the file exists, not the heading.
pub(crate) fn check(root: &Path, files: &[File], findings: &mut Findings) {
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let path = root.join(&file.path);
        let folder = path.parent().unwrap_or(root);
        for link in relative(&file.text) {
            if !folder.join(link).exists() {
                findings.fault(&file.path, format!("the link to `{link}` leads nowhere"));
            }
        }
    }
}

/// The targets of `[text](target)` that are files, without their `#heading`.
fn relative(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut links = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets {
            let file = target.split(['#', ' ']).next().unwrap_or_default();
            let elsewhere = file.contains("://") || file.starts_with("mailto:");
            if !file.is_empty() && !elsewhere {
                links.push(file);
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_files_that_a_page_links_to() {
        let page = "See [a](docs/a.md#part) and [b](https://b.example), [c](#here).\n\
                    ```\n[d](nowhere.md)\n```\n[e](e.md \"title\")";
        assert_eq!(relative(page), ["docs/a.md", "e.md"]);
    }
}
