//! Refusals in every shape that was seen, and what is made of what is no answer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wx_courier_core::wechat::Class;

use super::*;

fn check(answer: &str, expected: &Failure) {
    let understood = understand(answer.as_bytes(), Credential::Token, |_| Ok(()));
    assert_eq!(understood.as_ref(), Err(expected), "{answer}");
}

fn refused(errcode: i64, errmsg: &str, rid: Option<&str>, param: Option<&str>) -> Failure {
    Failure::Refused(Refusal {
        errcode,
        errmsg: errmsg.to_owned(),
        rid: rid.map(str::to_owned),
        param: param.map(str::to_owned),
        class: class_of(Credential::Token, errcode),
    })
}

#[test]
fn rid_and_param_are_found() {
    check(
        r#"{"errcode":47003,"errmsg":"argument invalid! data.thing1.value invalid rid: 65f0a1b2-1c2d3e4f-5a6b7c8d"}"#,
        &refused(
            47003,
            "argument invalid! data.thing1.value invalid",
            Some("65f0a1b2-1c2d3e4f-5a6b7c8d"),
            Some("thing1"),
        ),
    );
    check(
        r#"{"errcode":47003,"errmsg":"argument invalid! data.character_string10.value rid: a-b-c"}"#,
        &refused(
            47003,
            "argument invalid! data.character_string10.value",
            Some("a-b-c"),
            Some("character_string10"),
        ),
    );
    check(
        r#"{"errcode":"43101","errmsg":"user refuse to accept the msg hint: [x]"}"#,
        &refused(43101, "user refuse to accept the msg hint: [x]", None, None),
    );
}

/// Answers in the shapes that were seen over the years: code, text, what it means, the param that it names.
const SHAPES: [(i64, &str, Class, Option<&str>); 19] = [
    (
        43101,
        "user refuse to accept the msg",
        Class::NotSubscribed,
        None,
    ),
    (
        47003,
        "argument invalid! hint: [k3JPca03a-9] data.thing3.value invalid",
        Class::BadParam,
        Some("thing3"),
    ),
    (
        47003,
        "argument invalid! data.thing3.value is emtpy",
        Class::BadParam,
        Some("thing3"),
    ),
    (
        47003,
        "argument invalid! data.phrase2.value is empty",
        Class::BadParam,
        Some("phrase2"),
    ),
    (
        47003,
        "argument invalid! data.thing1.value invalid",
        Class::BadParam,
        Some("thing1"),
    ),
    (
        47003,
        "argument invalid! data.character_string10.value",
        Class::BadParam,
        Some("character_string10"),
    ),
    (
        47003,
        "argument invalid! data.character_string1.value i",
        Class::BadParam,
        Some("character_string1"),
    ),
    (
        40001,
        "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r",
        Class::Token,
        None,
    ),
    (40014, "invalid access_token", Class::Token, None),
    (42001, "access_token expired", Class::Token, None),
    (
        40164,
        "invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist",
        Class::Account,
        None,
    ),
    (
        45009,
        "reach max api daily quota limit",
        Class::DailyQuota,
        None,
    ),
    (
        45011,
        "api minute-quota reach limit mustslower retry next minute",
        Class::MinuteQuota,
        None,
    ),
    (
        43108,
        "Cannot make concurrent calls to the same OpenID, please try again",
        Class::Concurrent,
        None,
    ),
    (43116, "This template_id is banned", Class::Banned, None),
    (45168, "keyword in blacklist", Class::BadContent, None),
    (40066, "invalid url", Class::BadContent, None),
    (45109, "This API has been unsupported", Class::Bug, None),
    (-1, "system error", Class::Busy, None),
];

#[test]
fn every_shape_of_a_refusal_is_understood() {
    let rid = " rid: 65f0a1b2-1c2d3e4f-5a6b7c8d";
    for (errcode, errmsg, class, param) in SHAPES {
        for (text, rid) in [
            (format!("{errmsg}{rid}"), Some("65f0a1b2-1c2d3e4f-5a6b7c8d")),
            (errmsg.to_owned(), None),
        ] {
            let as_number = serde_json::json!({ "errcode": errcode, "errmsg": text });
            let as_text = serde_json::json!({ "errcode": errcode.to_string(), "errmsg": text });
            for answer in [as_number, as_text] {
                let expected = refused(errcode, errmsg, rid, param);
                check(&answer.to_string(), &expected);
                assert_eq!(class_of(Credential::Token, errcode), class, "{answer}");
            }
        }
    }
}

/// What is made of an answer that is these bytes.
async fn answered(with: &'static str) -> Failure {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/x?access_token=TOKEN",
        listener.local_addr().unwrap()
    );
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _request = stream.read(&mut [0; 1024]).await.unwrap();
        stream.write_all(with.as_bytes()).await.unwrap();
    });
    let request = reqwest::Client::new().get(url);
    let failure = call(request, Credential::Token, 64, |_| Ok(())).await;
    serving.await.unwrap();
    failure.unwrap_err()
}

#[tokio::test]
async fn what_is_no_answer_is_in_doubt_unless_the_request_was_turned_away() {
    let long = "HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123x";
    for (with, expected) in [
        ("", "was not answered as it must be: "),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{",
            "was not answered as it must be: the answer was cut off: ",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "was not answered as it must be: HTTP 200 OK with an empty body",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
            "was not answered as it must be: a body that is not JSON",
        ),
        (
            long,
            "was not answered as it must be: HTTP 200 OK with more than 64 bytes",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
            "was not answered as it must be: HTTP 502 Bad Gateway",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            "answers HTTP 503 Service Unavailable",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "answers HTTP 404 Not Found",
        ),
    ] {
        let said = answered(with).await.to_string();
        assert!(said.starts_with(expected), "{with}: {said}");
        assert!(!said.contains("TOKEN"), "{said}");
    }
}

#[tokio::test]
async fn a_request_that_never_left_is_told_without_its_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/x?access_token=TOKEN",
        listener.local_addr().unwrap()
    );
    drop(listener);
    let request = reqwest::Client::new().get(url);
    let failure = call(request, Credential::Token, 64, |_| Ok(()))
        .await
        .unwrap_err();
    assert!(
        matches!(failure, Failure::Unreachable { .. }),
        "{failure:?}"
    );
    assert!(!failure.to_string().contains("TOKEN"), "{failure}");
}
