//! Links of every page lead somewhere, and the Chinese pages have what the English ones have.

use std::collections::BTreeSet;
use std::path::Path;

use wx_courier::config::tables;

use crate::support::pages::{self, Page, page, root};

/// The English pages that are there in Chinese, too.
const IN_CHINESE: [&str; 10] = [
    "README",
    "docs/console",
    "docs/grants",
    "docs/outcomes",
    "docs/reliability",
    "docs/replay",
    "docs/rules",
    "docs/settings",
    "docs/support",
    "docs/templates",
];

fn in_chinese(name: &str) -> String {
    format!("{name}.zh-CN.md")
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut n_followed = 0;
    let mut broken = Vec::new();
    for page in pages::all() {
        for (line, target) in page.links() {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            n_followed += 1;
            if let Err(why) = follow(&page, target) {
                broken.push(format!("{}:{line}: {target}: {why}", page.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(n_followed > 200, "followed only {n_followed}");
    // This would notice.
    let readme = page("README.md");
    assert!(follow(&readme, "docs/nowhere.md").is_err());
    assert!(follow(&readme, "docs/outcomes.md#nowhere").is_err());
}

fn follow(from: &Page, target: &str) -> Result<(), &'static str> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.path.clone(),
        file => {
            let folder = Path::new(&from.path).parent().unwrap();
            folder.join(file).to_str().unwrap().to_owned()
        }
    };
    if !root().join(&path).exists() {
        return Err("there is no such file");
    }
    if !anchor.is_empty() && !page(&path).anchors().iter().any(|known| known == anchor) {
        return Err("there is no such heading");
    }
    Ok(())
}

/// The paragraphs that begin in bold, as `**Secrets.** …`, below each heading of the second level.
fn shape(page: &Page) -> Vec<(usize, usize, usize)> {
    let mut shape = Vec::new();
    for (_, line) in page.prose() {
        if line.starts_with("## ") {
            shape.push((0, 0, 0));
        }
        let Some((bold, steps, rows)) = shape.last_mut() else {
            continue;
        };
        *bold += usize::from(line.starts_with("**"));
        let is_step = line
            .split_once(". ")
            .is_some_and(|(number, _)| number.parse::<u8>().is_ok());
        *steps += usize::from(is_step);
        *rows += usize::from(line.starts_with('|'));
    }
    shape
}

#[test]
fn the_chinese_readme_has_each_section_step_and_row_of_the_english_one() {
    let (english, chinese) = (page("README.md"), page("README.zh-CN.md"));
    assert_eq!(shape(&chinese), shape(&english));
    let kinds = |page: &Page| -> Vec<String> {
        page.blocks().into_iter().map(|block| block.kind).collect()
    };
    assert_eq!(kinds(&chinese), kinds(&english));
}

/// Where the Chinese README leads: to the same page, or to its Chinese one.
#[test]
fn the_chinese_readme_leads_wherever_the_english_one_does() {
    let files = |page: &Page| -> BTreeSet<String> {
        let links = page.links().into_iter();
        let files = links.map(|(_, target)| target.split('#').next().unwrap().to_owned());
        files.filter(|file| !file.is_empty()).collect()
    };
    let chinese = files(&page("README.zh-CN.md"));
    for file in files(&page("README.md")) {
        let name = file.trim_end_matches(".md");
        if IN_CHINESE.contains(&name) {
            assert!(
                chinese.contains(&in_chinese(name)),
                "{file} is there in Chinese"
            );
        } else if file != "README.zh-CN.md" {
            assert!(chinese.contains(&file), "{file}");
        }
    }
}

#[test]
fn pages_in_two_languages_lead_to_each_other() {
    for name in IN_CHINESE {
        let file = Path::new(name)
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        for (page, other, word) in [
            (page(&format!("{name}.md")), in_chinese(&file), "中文"),
            (page(&in_chinese(name)), format!("{file}.md"), "English"),
        ] {
            let link = format!("[{word}]({other})");
            assert!(page.text.contains(&link), "{}: {link}", page.path);
        }
    }
}

/// What an operator types or looks for, in code: flags, commands, metrics.
fn terms(page: &Page) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in page.prose() {
        for span in line.split('`').skip(1).step_by(2) {
            let words = span.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
            let is_term = |word: &&str| word.starts_with("wx_courier_") || word.starts_with("--");
            found.extend(words.filter(is_term).map(str::to_owned));
        }
    }
    found.remove("--");
    found
}

#[test]
fn what_operators_type_stands_on_the_chinese_page_too() {
    // Of the page on reliability, the second half is about how it is proven.
    for name in [
        "docs/grants",
        "docs/outcomes",
        "docs/replay",
        "docs/support",
        "docs/templates",
    ] {
        let english = terms(&page(&format!("{name}.md")));
        let chinese = terms(&page(&in_chinese(name)));
        let missing: Vec<&String> = english.difference(&chinese).collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
}

#[test]
fn the_chinese_page_of_the_settings_names_every_table() {
    let page = page("docs/settings.zh-CN.md");
    for table in tables() {
        assert!(page.text.contains(table.path), "{}", table.path);
    }
}
