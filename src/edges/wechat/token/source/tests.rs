//! Answers, good and odd.

use super::*;
use crate::edges::wechat::test_app;

fn app(token: TokenMode) -> App {
    App {
        secret: Some(Secret::new("s3cret&x")),
        token,
        ..test_app::app("http://127.0.0.1:1".to_owned())
    }
}

fn centre() -> TokenMode {
    TokenMode::External(TokenCentre {
        url: Secret::new("http://127.0.0.1:1/wx?key=k3y"),
        header: None,
        poll: Duration::from_mins(1),
    })
}

fn source(token: TokenMode) -> Source {
    Source::new(reqwest::Client::new(), &app(token), &Arc::default()).unwrap()
}

/// The life in seconds that is understood, 0 if it is not known; nothing if there is no token.
fn life_s(mode: TokenMode, body: &str) -> Option<u64> {
    let handed_out = source(mode).understand(body.as_bytes()).ok()?;
    assert!(handed_out.text.expose().starts_with("80_"));
    Some(handed_out.expires_in.map_or(0, |life| life.as_secs()))
}

#[test]
fn a_life_is_above_zero_or_there_is_no_token() {
    let answer = |life: &str| format!(r#"{{"access_token":"80_abc"{life}}}"#);
    let cases = [
        (r#","expires_in":7200"#, Some(7200)),
        (r#","expires_in":"7200""#, Some(7200)),
        (r#","expires_in":7199.9"#, Some(7199)),
        (r#","expires_in":1e400"#, Some(365 * 86_400)),
        (
            r#","expires_in":99999999999999999999999"#,
            Some(365 * 86_400),
        ),
        (r#","expires_in":0"#, None),
        (r#","expires_in":0.5"#, None),
        (r#","expires_in":-1"#, None),
        (r#","expires_in":"NaN""#, None),
        (r#","expires_in":"soon""#, None),
        (r#","expires_in":[7200]"#, None),
    ];
    for (said, expected) in cases {
        let answer = answer(said);
        for mode in [TokenMode::Stable, TokenMode::Classic, centre()] {
            assert_eq!(life_s(mode, &answer), expected, "{said}");
        }
    }
    for said in ["", r#","expires_in":null"#] {
        assert_eq!(life_s(TokenMode::Stable, &answer(said)), None);
        assert_eq!(life_s(centre(), &answer(said)), Some(0));
    }
}

#[test]
fn a_centre_may_answer_with_the_bare_token() {
    let token = format!("80_{}\n", "aB-".repeat(40));
    assert_eq!(life_s(centre(), &token), Some(0));
    assert_eq!(life_s(TokenMode::Classic, &token), None);
    for odd in [
        "80_short",
        "unavailable",
        "<html>80_</html>",
        r#"{"errcode":0}"#,
        r#"{"access_token":"80_ a"}"#,
    ] {
        assert_eq!(life_s(centre(), odd), None, "{odd}");
    }
    assert_eq!(life_s(centre(), &format!("80_{}", "a".repeat(600))), None);
}

#[test]
fn errors_name_the_code_and_repeat_no_secret() {
    let answer = r#"{"errcode":40125,"errmsg":"invalid appsecret s3cret&x"}"#;
    let source = source(TokenMode::Classic);
    let Err(failure) = source.understand(answer.as_bytes()) else {
        panic!("a token came");
    };
    let trouble = source.trouble(&failure);
    assert_eq!(
        (trouble.errcode, trouble.class),
        (Some(40125), Class::Account)
    );
    let expected = "/cgi-bin/token answers errcode 40125: invalid appsecret ***";
    assert_eq!(trouble.detail, expected);
}

#[tokio::test]
async fn an_unreachable_endpoint_is_told_without_its_url() {
    for mode in [TokenMode::Stable, TokenMode::Classic, centre()] {
        let Err(trouble) = source(mode).ask(Ask::Normal).await else {
            panic!("a token came");
        };
        assert_eq!(trouble.class, Class::Busy);
        for secret in ["s3cret", "k3y", "127.0.0.1:1/"] {
            assert!(!trouble.detail.contains(secret), "{}", trouble.detail);
        }
    }
}

#[test]
fn the_secret_is_escaped_in_a_query() {
    let request = source(TokenMode::Classic).request(Ask::Normal).build();
    let url = request.unwrap().url().to_string();
    assert!(url.ends_with("?grant_type=client_credential&appid=wx1&secret=s3cret%26x"));
}

#[test]
fn only_a_forced_question_forces() {
    for (ask, forced) in [(Ask::Normal, false), (Ask::Forced, true)] {
        let request = source(TokenMode::Stable).request(ask).build().unwrap();
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["force_refresh"], forced);
    }
}

#[test]
fn an_app_without_a_secret_needs_a_centre() {
    let without = |token| App {
        secret: None,
        ..app(token)
    };
    let make =
        |token| Source::new(reqwest::Client::new(), &without(token), &Arc::default()).is_ok();
    assert!(!make(TokenMode::Stable) && !make(TokenMode::Classic) && make(centre()));
}
