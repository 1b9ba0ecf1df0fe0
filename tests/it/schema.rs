//! `docs/outcome.schema.json` and `docs/receipt.schema.json` are what the types give. `WX_COURIER_WRITE_SCHEMA=1 cargo test schema` writes it anew.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::schema::{generated, generated_for_receipts};

#[test]
fn the_published_schemas_are_those_of_the_types() {
    check("docs/outcome.schema.json", &generated());
    check("docs/receipt.schema.json", &generated_for_receipts());
}

fn check(file: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let expected = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("WX_COURIER_WRITE_SCHEMA").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == expected,
        "{file} is not what its type gives.\n\
         If the change is meant: WX_COURIER_WRITE_SCHEMA=1 cargo test schema, and a line in CHANGELOG.md"
    );
}
