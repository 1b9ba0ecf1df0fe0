//! What is let through, and what every answer says.

use axum::http::StatusCode;

use super::*;
use crate::config::{ConsoleProxy, Network};

#[tokio::test]
async fn what_changes_something_needs_session_role_origin_and_forgery_token() {
    let site = Site::new(&with_users());
    let (wang, forgery) = site.browser(EDIT).await;
    let (li, of_li) = site.browser(VIEW).await;
    let (wang, li) = (("cookie", wang.as_str()), ("cookie", li.as_str()));
    let right = format!("why=x&forgery={forgery}");
    let other = format!("forgery={of_li}");
    let longer = format!("{right}x");
    let header = (FORGERY_HEADER, forgery.as_str());
    let own = ("sec-fetch-site", "same-origin");
    for (headers, body, expected) in [
        (&[wang, ORIGIN, FORM][..], right.as_str(), (200, "")),
        (&[wang, own, FORM], &right, (200, "")),
        (&[wang, ORIGIN, header], "{}", (200, "")),
        (&[ORIGIN, FORM], &right, (401, "sign_in_first")),
        (&[wang, FORM], &right, (403, "origin_missing")),
        (
            &[wang, ("origin", "null"), FORM],
            &right,
            (403, "foreign_page"),
        ),
        (
            &[wang, ("origin", "http://evil.example"), FORM],
            &right,
            (403, "foreign_page"),
        ),
        (
            &[wang, ("origin", "http://127.0.0.1:9"), FORM],
            &right,
            (403, "foreign_page"),
        ),
        (
            &[wang, ("sec-fetch-site", "same-site"), FORM],
            &right,
            (403, "foreign_page"),
        ),
        (
            &[wang, ("sec-fetch-site", "cross-site"), ORIGIN, FORM],
            &right,
            (403, "foreign_page"),
        ),
        (&[wang, ORIGIN, FORM], "why=x", (403, "forgery_token")),
        (&[wang, ORIGIN, FORM], "forgery=", (403, "forgery_token")),
        (&[wang, ORIGIN, FORM], &longer, (403, "forgery_token")),
        (&[wang, ORIGIN, FORM], &other, (403, "forgery_token")),
        (
            &[wang, ORIGIN, FORM, (FORGERY_HEADER, of_li.as_str())],
            &right,
            (403, "forgery_token"),
        ),
        (
            &[wang, ORIGIN, ("content-type", "text/plain")],
            &right,
            (403, "forgery_token"),
        ),
        (&[li, ORIGIN, FORM], &other, (403, "view_only")),
    ] {
        let answer = site.ask("POST", "/pause", headers, body).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            expected,
            "{headers:?} {body}"
        );
    }
    // The page still has the body.
    let answer = site
        .ask("POST", "/pause", &[wang, ORIGIN, FORM], &right)
        .await;
    assert_eq!(answer.body, format!("paused {right}"));
    let large = format!("{right}&x={}", "x".repeat(64 * 1024));
    let answer = site
        .ask("POST", "/pause", &[wang, ORIGIN, FORM], &large)
        .await;
    assert_eq!((answer.status, answer.error().as_str()), (413, "too_large"));
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = site.ask(method, "/", &[], "").await;
        assert_eq!(answer.status, 401, "{method}");
    }
}

#[tokio::test]
async fn on_this_machine_everybody_may_do_everything_and_no_foreign_page_may() {
    let site = Site::new(&settings("127.0.0.1:8070"));
    let me = system::user_name();
    // A program has no session, and makes none.
    let answer = site.ask("GET", "/", &[], "").await;
    assert_eq!(answer.body, format!("{me}|edit|this machine|"));
    assert_eq!(answer.header("set-cookie"), "");
    let answer = site
        .ask("POST", "/pause", &[ORIGIN, FORM], "forgery=")
        .await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (403, "no_session")
    );
    let page = site.page("/", &[]).await;
    let (_, forgery) = page.body.rsplit_once('|').unwrap();
    let cookie = page.cookie();
    let cookie = ("cookie", cookie.as_str());
    let body = format!("forgery={forgery}");
    let answer = site
        .ask("POST", "/pause", &[cookie, ORIGIN, FORM], &body)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let foreign = ("origin", "http://127.0.0.1:3000");
    let answer = site
        .ask("POST", "/pause", &[cookie, foreign, FORM], &body)
        .await;
    assert_eq!(answer.status, 403);
    let proxied = ("x-forwarded-for", "203.0.113.9");
    let answer = site.page("/", &[proxied, cookie]).await;
    assert_eq!(answer.status, 403);
    // There is nothing to sign in to.
    let answer = site.page(SIGN_IN, &[("sec-fetch-site", "none")]).await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
}

#[tokio::test]
async fn a_proxy_names_users_and_nobody_else_does() {
    let mut settings = settings("0.0.0.0:8070");
    settings.proxy = Some(ConsoleProxy {
        header: Some("x-user".to_owned()),
        from: vec![Network::parse("10.0.0.7").unwrap()],
        edit: vec!["wang".to_owned()],
    });
    let site = Site::new(&settings);
    let host = ("host", "console.example");
    let wang = ("x-user", "wang");
    let https = ("x-forwarded-proto", "https");
    let proxy = "10.0.0.7:1";
    let answer = site
        .ask_from(proxy, "GET", "/", &[host, HTML, wang, https], "")
        .await;
    assert!(
        answer.body.starts_with("wang|edit|proxy|"),
        "{}",
        answer.body
    );
    assert!(answer.header("set-cookie").ends_with("; Secure"));
    let (_, forgery) = answer.body.rsplit_once('|').unwrap();
    let (cookie, body) = (answer.cookie(), format!("forgery={forgery}"));
    let origin = ("origin", "https://console.example");
    let cookie = ("cookie", cookie.as_str());
    let post = [host, cookie, origin, FORM];
    for (peer, named, status, error) in [
        (proxy, Some(wang), 200, ""),
        // The session is that of another person.
        (proxy, Some(("x-user", "li")), 403, "no_session"),
        (proxy, None, 401, "not_named"),
        ("10.0.0.8:1", Some(wang), 403, "name_from_elsewhere"),
        ("10.0.0.8:1", None, 401, "not_named"),
        ("127.0.0.1:1", Some(wang), 403, "name_from_elsewhere"),
    ] {
        let headers: Vec<_> = post.iter().copied().chain(named).collect();
        let answer = site.ask_from(peer, "POST", "/pause", &headers, &body).await;
        let found = (answer.status, answer.error());
        assert_eq!(found, (status, error.to_owned()), "{peer} {named:?}");
    }
    let li = [host, HTML, ("x-user", "li")];
    let answer = site.ask_from(proxy, "GET", "/", &li, "").await;
    assert!(answer.body.starts_with("li|view|proxy|"), "{}", answer.body);
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_not_answered() {
    let site = Site::new(&with_users());
    for (headers, status, error) in [
        (&[("host", "console.example")][..], 401, "sign_in_first"),
        (&[("host", "localhost:8070")], 401, "sign_in_first"),
        (&[("host", "rebound.example:8070")], 421, "host_not_known"),
        (
            &[("host", HOST), ("host", "rebound.example")],
            421,
            "host_not_known",
        ),
        (&[("origin", "http://evil.example")], 403, "foreign_page"),
        (&[("sec-fetch-site", "cross-site")], 403, "foreign_page"),
    ] {
        for path in ["/", "/nowhere", "/sign-out"] {
            let answer = site.ask("GET", path, headers, "").await;
            let found = (answer.status, answer.error());
            assert_eq!(found, (status, error.to_owned()), "{path} {headers:?}");
        }
        let answer = site.ask("GET", SIGN_IN, headers, "").await;
        assert_eq!(answer.status, if status == 401 { 200 } else { status });
    }
    let nobody = Request::builder().uri("/").body(Body::empty()).unwrap();
    let service = TowerToHyperService::new(site.router.clone());
    let answer = service.call(nobody).await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_answer_has_the_headers_of_security() {
    let site = Site::new(&with_users());
    let (cookie, _) = site.browser(VIEW).await;
    let cookie = ("cookie", cookie.as_str());
    for (headers, path, status) in [
        (&[cookie][..], "/", 200),
        (&[cookie], "/nowhere", 404),
        (&[], "/", 401),
        (&[HTML, ("sec-fetch-site", "none")], "/", 303),
        (&[("host", "rebound.example")], "/", 421),
        (&[], "/assets/a.css", 200),
        (&[], SIGN_IN, 200),
    ] {
        let answer = site.ask("GET", path, headers, "").await;
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}");
        }
    }
}
