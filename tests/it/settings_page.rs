//! The tables of `docs/settings.md` are what the items of the keys say. `WX_COURIER_WRITE_SETTINGS=1 cargo test settings_page` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use wx_courier::config::{Table, tables};

/// Before a table of the page: `<!-- keys: http, log -->`. What follows, to [`END`], is generated; all else is prose.
const BEGIN: &str = "<!-- keys: ";
const END: &str = "<!-- end of keys -->";

#[test]
fn the_page_shows_every_key_as_its_item_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let page = fs::read_to_string(&path).unwrap();
    let expected = with_tables(&page);
    if std::env::var_os("WX_COURIER_WRITE_SETTINGS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap();
    assert!(
        page == expected,
        "docs/settings.md is not what the keys in src/config say.\n\
         If the change is meant: WX_COURIER_WRITE_SETTINGS=1 cargo test settings_page"
    );
}

/// The page with its tables made anew. Each table of the settings has its place there, once.
fn with_tables(page: &str) -> String {
    let mut parts = page.split(BEGIN);
    let mut made = parts.next().unwrap().to_owned();
    let mut missing: BTreeSet<&str> = tables().iter().map(|table| table.path).collect();
    for part in parts {
        let (names, rest) = part.split_once(" -->").unwrap();
        let (_, prose) = rest.split_once(END).unwrap();
        let shown: Vec<&Table> = names.split(", ").map(table_of).collect();
        for table in &shown {
            assert!(missing.remove(table.path), "{} stands twice", table.path);
        }
        let rows = rows_of(&shown);
        write!(made, "{BEGIN}{names} -->\n\n{rows}\n{END}{prose}").unwrap();
    }
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    made
}

fn table_of(path: &str) -> &'static Table {
    let found = tables().iter().find(|table| table.path == path);
    found.unwrap_or_else(|| panic!("there is no table {path}"))
}

/// Tables that stand together have the name of each before its keys.
fn rows_of(shown: &[&Table]) -> String {
    let mut text = "| key | value | default | |\n|---|---|---|---|\n".to_owned();
    for table in shown {
        let before = match shown {
            [_] => String::new(),
            _ => format!("{}.", table.path),
        };
        for row in table.rows() {
            let cells = [&row.value, &row.default, &row.about].map(|cell| cell.replace('|', "\\|"));
            let [value, default, about] = cells;
            writeln!(
                text,
                "| `{before}{}` | {value} | {default} | {about} |",
                row.name
            )
            .unwrap();
        }
    }
    text.replace("|  |", "| |")
}
