//! Message ids, recipients and pages; params are tested with their types and in `tests/cases`.

use super::*;

#[test]
fn a_message_id_says_one_thing_only() {
    assert_eq!(
        message_id("order-completed", "/shop", "e1"),
        "order-completed|/shop|e1"
    );
    assert_eq!(message_id("r", "a|b%", "c|d%"), "r|a%7Cb%25|c|d%");
    assert_ne!(message_id("r", "a|b", "c"), message_id("r", "a", "b|c"));
}

#[test]
fn recipients() {
    assert_eq!(
        check_recipient(" oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\n").as_deref(),
        Ok("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
    );
    for refused in [
        "",
        "  ",
        "张三",
        "o1 o2",
        "o1,o2",
        "a@b.c",
        &"x".repeat(129),
    ] {
        assert_eq!(
            check_recipient(refused).unwrap_err().reason,
            Reason::RecipientMalformed,
            "{refused}"
        );
    }
}

#[test]
fn pages() {
    assert_eq!(
        check_page("pages/index?id=1"),
        Ok(Some("pages/index?id=1".to_owned()))
    );
    assert_eq!(check_page(" "), Ok(None));
    for refused in [
        "pages/a b",
        "pages/a\nb",
        "https://example.com/",
        &"x".repeat(1025),
    ] {
        assert_eq!(
            check_page(refused).unwrap_err().reason,
            Reason::PageMalformed,
            "{refused}"
        );
    }
}
