//! The JSON Schemas of our records, and records held against them.

use std::sync::OnceLock;

use jsonschema::Validator;
use schemars::schema_for;
use serde_json::Value;
use wx_courier_core::model::audit::AuditRecord;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::wechat::callback::Receipt;

/// The schema that the type gives.
pub(crate) fn generated() -> Value {
    schema_for!(Outcome).to_value()
}

/// The same for receipts.
pub(crate) fn generated_for_receipts() -> Value {
    schema_for!(Receipt).to_value()
}

/// The same for audit records.
pub(crate) fn generated_for_audit() -> Value {
    schema_for!(AuditRecord).to_value()
}

/// Panics unless the outcome is what the schema says, and nothing beside it.
pub(crate) fn must_fit(outcome: &Value) {
    static SCHEMA: OnceLock<(Value, Validator)> = OnceLock::new();
    fits(SCHEMA.get_or_init(|| compiled(generated())), outcome);
}

/// The same for a receipt.
pub(crate) fn receipt_must_fit(receipt: &Value) {
    static SCHEMA: OnceLock<(Value, Validator)> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| compiled(generated_for_receipts()));
    fits(schema, receipt);
}

/// The same for an audit record.
pub(crate) fn audit_must_fit(record: &Value) {
    static SCHEMA: OnceLock<(Value, Validator)> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| compiled(generated_for_audit()));
    fits(schema, record);
}

fn compiled(schema: Value) -> (Value, Validator) {
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    (schema, validator)
}

fn fits((schema, validator): &(Value, Validator), outcome: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(outcome)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?} in {outcome:#}");
    // The schema lets readers meet fields of later versions; this version writes no other than its own.
    let fields = outcome.as_object().expect("it is an object");
    for field in fields.keys() {
        let known = schema["properties"].get(field).is_some();
        assert!(known, "the schema does not know {field} of {outcome:#}");
    }
}
