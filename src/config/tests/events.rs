//! `[events]`: the places that it takes, and what it says of others.

use wx_courier_core::event::{DataLocator, Decoding, Envelope, Locator};

use super::{RULE, SETTINGS, load_with};

fn decoding(events: &str, environment: &[(&str, &str)]) -> Result<Decoding, String> {
    let settings = format!("{SETTINGS}[events]\n{events}");
    let loaded = load_with(&settings, RULE, environment, Vec::new());
    let told = loaded.problems.to_string();
    loaded.settings.map(|settings| settings.events).ok_or(told)
}

#[test]
fn each_attribute_has_a_place() {
    let events = "type = \"header:event-type\"\nid = \"/meta/id\"\nsource = \"topic\"\nsubject = \"key\"\ndata = \"json:/payload\"\nenvelope = \"debezium\"\n";
    let environment = [("WX_COURIER__EVENTS__TYPE", "const:order.completed")];
    let found = decoding(events, &environment).unwrap();
    let place = |text: &str| Locator::new(text).unwrap();
    assert_eq!(found.kind, place("const:order.completed"));
    assert_eq!(found.id, place("/meta/id"));
    assert_eq!(
        (found.source, found.subject),
        (place("topic"), place("key"))
    );
    assert_eq!(found.time, place("/time"));
    assert_eq!(found.data, DataLocator::new("json:/payload").unwrap());
    assert_eq!(found.envelope, Envelope::Debezium);
}

#[test]
fn what_is_no_place_is_told_with_what_to_write() {
    for (events, expected) in [
        (
            "type = \"meta.event\"",
            "write a JSON Pointer (\"/meta/event\"), \"header:NAME\"",
        ),
        ("id = \"topic\"", "\"topic\" is the same for every event"),
        ("time = \"const:now\"", "the time of the record stands in"),
        (
            "data = \"payload\"",
            "\"json:/payload\" for JSON that is written as text",
        ),
        ("data = \"json:payload\"", "\"json:/payload\""),
        ("envelope = \"debezum\"", "\"debezium\""),
    ] {
        let told = decoding(events, &[]).unwrap_err();
        assert!(told.contains(expected), "{events}\n{told}");
    }
    let constant = |n_bytes| format!("type = \"const:{}\"\n", "x".repeat(n_bytes));
    assert!(decoding(&constant(1024), &[]).is_ok());
    let told = decoding(&constant(1025), &[]).unwrap_err();
    assert!(told.contains("has 1025 bytes"), "{told}");
}
