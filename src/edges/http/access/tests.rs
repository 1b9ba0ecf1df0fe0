//! Tables: which client asks for what, and how.

use axum::body::Body as RequestBody;

use super::*;

const TOKEN: &str = "a-token-of-32-letters-0123456789";

fn access(listen: &str, token: Option<&str>) -> Access {
    Access::new(&Http {
        listen: listen.parse().unwrap(),
        token: token.map(Secret::new),
        hosts: vec!["courier.internal".to_owned()],
    })
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(RequestBody::empty()).unwrap()
}

#[test]
fn names_of_strangers_are_refused_and_addresses_are_not() {
    let access = access("0.0.0.0:8080", None);
    for (host, is_known) in [
        ("127.0.0.1:8080", true),
        ("127.0.0.1", true),
        ("10.1.2.3:8080", true),
        ("[::1]:8080", true),
        ("[fd00::1]", true),
        ("localhost:8080", true),
        ("LOCALHOST", true),
        ("courier.internal:8080", true),
        ("Courier.Internal", true),
        ("rebound.example:8080", false),
        ("courier.internal.example", false),
        ("127.0.0.1.example:8080", false),
        ("localhost.example", false),
        ("127.1", false),
        ("0x7f000001", false),
        ("localhost:x", false),
        ("", false),
    ] {
        let request = request("GET", &[("host", host)]);
        let checked = access.check(Need::Look, &request);
        assert_eq!(checked.is_ok(), is_known, "{host}: {checked:?}");
    }
    // A probe of HTTP/1.0 names no host; a browser always does.
    assert_eq!(access.check(Need::Look, &request("GET", &[])), Ok(()));
    let two = request("GET", &[("host", "localhost"), ("host", "rebound.example")]);
    assert_eq!(access.check(Need::Look, &two), Err(Denied::Host));
    let absolute = Request::builder().uri("http://rebound.example/status");
    let absolute = absolute
        .header("host", "localhost")
        .body(RequestBody::empty())
        .unwrap();
    assert_eq!(access.check(Need::Look, &absolute), Err(Denied::Host));
}

#[test]
fn foreign_pages_are_refused() {
    let access = access("127.0.0.1:8080", None);
    let host = ("host", "127.0.0.1:8080");
    let ours = ("origin", "http://127.0.0.1:8080");
    for (method, headers, is_foreign) in [
        ("GET", vec![], false),
        ("POST", vec![], false),
        ("POST", vec![ours], false),
        ("POST", vec![ours, ("sec-fetch-site", "same-origin")], false),
        ("POST", vec![("origin", "http://evil.example")], true),
        ("POST", vec![("origin", "http://127.0.0.1:9090")], true),
        ("POST", vec![("origin", "null")], true),
        ("POST", vec![("sec-fetch-site", "cross-site")], true),
        ("POST", vec![("sec-fetch-site", "same-site")], true),
        ("GET", vec![("origin", "http://evil.example")], true),
        ("GET", vec![("sec-fetch-site", "cross-site")], true),
        ("GET", vec![("sec-fetch-site", "none")], false),
        // A user follows a link.
        (
            "GET",
            vec![
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            false,
        ),
        (
            "POST",
            vec![
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            true,
        ),
    ] {
        let mut all = vec![host, (CHANGE_HEADER, "1")];
        all.extend(&headers);
        let need = if method == "GET" {
            Need::Users
        } else {
            Need::Change
        };
        let checked = access.check(need, &request(method, &all));
        let expected = if is_foreign {
            Err(Denied::ForeignPage)
        } else {
            Ok(())
        };
        assert_eq!(checked, expected, "{method} {headers:?}");
    }
}

#[test]
fn who_may_do_what() {
    let right = format!("Bearer {TOKEN}");
    let wrong = format!("Bearer {TOKEN}x");
    let nothing: &[(&str, &str)] = &[];
    let marked = &[(CHANGE_HEADER, "1")][..];
    let with_right = &[("authorization", right.as_str())][..];
    let with_wrong = &[("authorization", wrong.as_str()), (CHANGE_HEADER, "1")][..];
    let (here, everywhere) = ("127.0.0.1:8080", "0.0.0.0:8080");
    for (listen, token, need, headers, expected) in [
        (here, None, Need::Look, nothing, Ok(())),
        (here, None, Need::Users, nothing, Ok(())),
        (here, None, Need::Change, nothing, Err(Denied::Header)),
        (here, None, Need::Change, marked, Ok(())),
        (here, None, Need::Change, with_right, Err(Denied::Header)),
        (here, Some(TOKEN), Need::Look, nothing, Ok(())),
        (here, Some(TOKEN), Need::Users, nothing, Err(Denied::Token)),
        (here, Some(TOKEN), Need::Change, marked, Err(Denied::Token)),
        (
            here,
            Some(TOKEN),
            Need::Change,
            with_wrong,
            Err(Denied::Token),
        ),
        (here, Some(TOKEN), Need::Change, with_right, Ok(())),
        (everywhere, None, Need::Look, nothing, Ok(())),
        (everywhere, None, Need::Users, marked, Err(Denied::NoToken)),
        (everywhere, None, Need::Change, marked, Err(Denied::NoToken)),
        (
            everywhere,
            Some(TOKEN),
            Need::Users,
            with_wrong,
            Err(Denied::Token),
        ),
        (everywhere, Some(TOKEN), Need::Users, with_right, Ok(())),
        (everywhere, Some(TOKEN), Need::Change, with_right, Ok(())),
        (
            "[::ffff:127.0.0.1]:8080",
            None,
            Need::Users,
            nothing,
            Ok(()),
        ),
    ] {
        let access = access(listen, token);
        let mut all = vec![("host", "10.0.0.7:8080")];
        all.extend(headers);
        let checked = access.check(need, &request("POST", &all));
        assert_eq!(checked, expected, "{listen} {token:?} {need:?} {headers:?}");
    }
    // With the token any name is good, for a command that was told one.
    let named = [("host", "wx-courier-0.wx-courier:8080"), with_right[0]];
    let access = access(everywhere, Some(TOKEN));
    assert_eq!(access.check(Need::Change, &request("POST", &named)), Ok(()));
}
