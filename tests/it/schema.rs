//! `docs/outcome.schema.json` is what the type gives. `WX_COURIER_WRITE_SCHEMA=1 cargo test schema` writes it anew.

use std::fs;
use std::path::Path;

use crate::support::schema::generated;

#[test]
fn the_published_schema_is_that_of_the_type() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/outcome.schema.json");
    let expected = serde_json::to_string_pretty(&generated()).unwrap() + "\n";
    if std::env::var_os("WX_COURIER_WRITE_SCHEMA").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == expected,
        "docs/outcome.schema.json is not what the type Outcome gives.\n\
         If the change is meant: WX_COURIER_WRITE_SCHEMA=1 cargo test schema, and a line in CHANGELOG.md"
    );
}
