//! What `WeChat` says of a send.

use super::*;
use crate::edges::wechat::api::{Credential, understand};

fn check(answer: &str, expected: &SendAnswer) {
    let understood = understand(answer.as_bytes(), Credential::Token, msgid_in);
    let found = match understood {
        Ok(msgid) => SendAnswer::Accepted { msgid },
        Err(failure) => failure.into(),
    };
    assert_eq!(found, *expected, "{answer}");
}

#[test]
fn msgid_keeps_every_digit() {
    let msgid = Some("2097683633284153344".to_owned());
    check(
        r#"{"errcode":0,"errmsg":"ok","msgid":2097683633284153344}"#,
        &SendAnswer::Accepted { msgid },
    );
}

#[test]
fn success_may_lack_msgid_or_errcode() {
    check(
        r#"{"errcode":0,"errmsg":"ok"}"#,
        &SendAnswer::Accepted { msgid: None },
    );
    check(r#"{"errmsg":"ok"}"#, &SendAnswer::Accepted { msgid: None });
    check(
        "{}",
        &SendAnswer::InDoubt {
            detail: "JSON without an errcode".to_owned(),
        },
    );
}

#[test]
fn an_errcode_that_cannot_be_read_is_no_success() {
    for errcode in [
        r#""abc""#,
        r#""""#,
        "0.0",
        "0.5",
        "1e400",
        "99999999999999999999",
        "null",
        "false",
        "[0]",
        "{}",
    ] {
        let answer = format!(r#"{{"errcode":{errcode},"errmsg":"ok","msgid":1}}"#);
        let detail = "JSON with an errcode that is no whole number".to_owned();
        check(&answer, &SendAnswer::InDoubt { detail });
    }
    let msgid = Some("1".to_owned());
    check(
        r#"{"errcode":" 0 ","errmsg":"ok","msgid":1}"#,
        &SendAnswer::Accepted { msgid },
    );
}
