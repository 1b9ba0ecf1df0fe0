//! The way in, and the way out.

use super::*;

#[tokio::test]
async fn without_a_session_a_browser_is_shown_the_way_in_and_a_program_is_refused() {
    let site = Site::new(&with_users());
    let here = ("sec-fetch-site", "same-origin");
    let answer = site.page("/outcomes?status=failed&x=%2F", &[here]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/sign-in?to=%2Foutcomes%3Fstatus%3Dfailed%26x%3D%252F")
    );
    assert_eq!(answer.header("set-cookie"), "");
    for (path, status) in [("/", 401), ("/nowhere", 401), ("/assets/a.css", 200)] {
        let answer = site.ask("GET", path, &[], "").await;
        assert_eq!(answer.status, status, "{path}");
    }
    let answer = site.ask("GET", "/", &[], "").await;
    assert_eq!(answer.error(), "sign_in_first");
    assert!(!answer.header("www-authenticate").is_empty());
    let answer = site.page("/sign-in?to=%2Foutcomes", &[]).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains("name=\"to\" value=\"/outcomes\""),
        "{}",
        answer.body
    );
    let hostile = site.page("/sign-in?to=%22%3E%3Cscript%3E", &[]).await;
    assert!(!hostile.body.contains("<script"), "{}", hostile.body);
}

/// The cookie is not sent where a link of another site leads here: from a page of ours it is.
#[tokio::test]
async fn who_comes_from_another_site_is_led_on_by_a_page_of_ours() {
    let elsewhere = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    for settings in [with_users(), settings("127.0.0.1:8070")] {
        let site = Site::new(&settings);
        let answer = site.page("/outcomes?a=b", &elsewhere).await;
        assert_eq!(answer.status, 200);
        let leads = "content=\"0; url=/sign-in?to=%2Foutcomes%3Fa%3Db\"";
        assert!(answer.body.contains(leads), "{}", answer.body);
        assert_eq!(answer.header("set-cookie"), "");
    }
    let site = Site::new(&with_users());
    let (cookie, _) = site.browser(VIEW).await;
    let headers = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = site.page("/sign-in?to=%2Foutcomes", &headers).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/outcomes")
    );
}

#[tokio::test]
async fn a_token_opens_a_session_and_signing_out_ends_it() {
    let site = Site::new(&with_users());
    let answer = site.sign_in("+the-token-of-li%0A", &[]).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, "/outcomes?a=b")
    );
    let set = answer.header("set-cookie");
    for part in [
        "wx_courier_console_8070=",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Path=/",
    ] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "{set}");
    let cookie = answer.cookie();
    let page = site.page("/", &[("cookie", &cookie)]).await;
    assert!(page.body.starts_with("li|view|token|"), "{}", page.body);
    assert_eq!(page.header("set-cookie"), "");
    let (_, forgery) = page.body.rsplit_once('|').unwrap();
    // Behind other cookies, and a stale one of the same name.
    let many = format!("a=b; wx_courier_console_8070=stale; {cookie}; x");
    assert_eq!(site.page("/", &[("cookie", &many)]).await.status, 200);
    let visitor = site.access.look_at(
        &Request::builder()
            .header("cookie", &cookie)
            .body(Body::empty())
            .unwrap(),
    );
    let Ok(Seen::InSession(visitor)) = visitor else {
        panic!("there is a session");
    };

    let headers = [HTML, ORIGIN, FORM, ("cookie", &cookie)];
    let body = format!("forgery={forgery}");
    let answer = site.ask("POST", SIGN_OUT, &headers, &body).await;
    assert_eq!((answer.status, answer.header("location")), (303, SIGN_IN));
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    visitor.session_ended().await;
    assert_eq!(
        site.ask("GET", "/", &[("cookie", &cookie)], "")
            .await
            .status,
        401
    );
    let answer = site.ask("POST", SIGN_OUT, &headers, &body).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn signing_in_gives_another_session() {
    let site = Site::new(&with_users());
    let (former, _) = site.browser(VIEW).await;
    let answer = site.sign_in(EDIT, &[("cookie", &former)]).await;
    assert_ne!(answer.cookie(), former);
    let of = async |cookie: &str| site.ask("GET", "/", &[("cookie", cookie)], "").await;
    assert_eq!(of(&former).await.status, 401);
    assert!(of(&answer.cookie()).await.body.starts_with("wang|edit"));
    // One that another site has given the browser is no session.
    let planted = "wx_courier_console_8070=planted";
    let answer = site.sign_in(EDIT, &[("cookie", planted)]).await;
    assert_ne!(answer.cookie(), planted);
    assert_eq!(of(planted).await.status, 401);
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_slowed_for_its_address_alone() {
    let site = Site::new(&with_users());
    let mut last = 0;
    for n in 0..50 {
        let answer = site.sign_in("wrong", &[]).await;
        assert_eq!(answer.header("set-cookie"), "");
        assert!(!answer.body.contains("wrong\""), "{}", answer.body);
        last = answer.status;
        assert_eq!(last, if n < 5 { 401 } else { 429 }, "{n}");
    }
    assert_eq!(last, 429);
    // Not even the right one is looked at.
    let answer = site.sign_in(EDIT, &[]).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    let headers = [HTML, ORIGIN, FORM];
    let body = format!("token={EDIT}");
    let answer = site
        .ask_from("10.0.0.7:1", "POST", SIGN_IN, &headers, &body)
        .await;
    assert_eq!((answer.status, answer.header("location")), (303, "/"));
}
