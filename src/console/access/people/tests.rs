//! Tables: what a request says of who sends it, and what is made of it.

use super::*;
use crate::config::{ConsoleRole, Network};
use crate::console::access::tests::{settings, user};

fn proxy(header: Option<&str>) -> ConsoleProxy {
    let from = ["10.0.0.0/24", "::1"];
    ConsoleProxy {
        header: header.map(str::to_owned),
        from: from
            .iter()
            .filter_map(|text| Network::parse(text))
            .collect(),
        edit: vec!["wang".to_owned()],
    }
}

fn headers(said: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in said {
        let name = name.parse::<axum::http::HeaderName>().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn known(name: &str, via: Via) -> Arrival {
    Arrival::Known(Who {
        name: Arc::from(name),
        via,
    })
}

#[test]
fn a_name_counts_from_the_proxy_alone() {
    let mut settings = settings("0.0.0.0:8090");
    settings.proxy = Some(proxy(Some("x-user")));
    let alone = People::new(&settings);
    settings.users = user("li", "token", ConsoleRole::View);
    let with_users = People::new(&settings);
    let named = [("x-user", "wang")];
    let of = |people: &People, said: &[(&str, &str)], peer| {
        people.arrival(&headers(said), Some(address(peer)))
    };
    for people in [&alone, &with_users] {
        assert_eq!(
            of(people, &named, "10.0.0.7"),
            Ok(known("wang", Via::Proxy))
        );
        for stranger in ["10.0.1.7", "127.0.0.1", "::2"] {
            let refused = of(people, &named, stranger);
            assert_eq!(refused, Err(Denied::NameFromElsewhere), "{stranger}");
        }
        assert_eq!(
            people.arrival(&headers(&named), None),
            Err(Denied::NameFromElsewhere)
        );
        let long = "x".repeat(100);
        for unfit in ["a\tb", " ", "a\"b", &long] {
            let refused = of(people, &[("x-user", unfit)], "10.0.0.7");
            assert_eq!(refused, Err(Denied::NameUnfit), "{unfit:?}");
        }
        let two = [("x-user", "li"), ("X-User", "wang")];
        assert_eq!(of(people, &two, "10.0.0.7"), Err(Denied::NameUnfit));
        let two = [("x-user", ""), ("X-User", "wang")];
        assert_eq!(of(people, &two, "10.0.0.7"), Err(Denied::NameUnfit));
    }
    for unnamed in [&[][..], &[("x-user", "")]] {
        assert_eq!(of(&alone, unnamed, "10.0.0.7"), Err(Denied::NotNamed));
        assert_eq!(
            of(&with_users, unnamed, "10.0.0.7"),
            Ok(Arrival::MustSignIn)
        );
    }
    let utf8 = HeaderValue::from_bytes("王芳".as_bytes()).unwrap();
    let mut said = HeaderMap::new();
    said.insert("x-user", utf8);
    assert_eq!(
        alone.arrival(&said, Some(address("10.0.0.7"))),
        Ok(known("王芳", Via::Proxy))
    );
}

#[test]
fn who_is_on_this_machine_is_the_systems_user_and_nobody_else_is() {
    let people = People::new(&settings("127.0.0.1:8090"));
    let me = system::user_name();
    let nothing = headers(&[]);
    assert_eq!(
        people.arrival(&nothing, Some(address("127.0.0.1"))),
        Ok(known(&me, Via::ThisMachine))
    );
    for peer in [Some(address("10.0.0.7")), None] {
        let refused = people.arrival(&nothing, peer);
        assert_eq!(refused, Err(Denied::UnknownProxy), "{peer:?}");
    }
    for mark in MARKS_OF_PROXIES {
        let refused = people.arrival(&headers(&[(mark, "x")]), Some(address("127.0.0.1")));
        assert_eq!(refused, Err(Denied::UnknownProxy), "{mark}");
    }
    // The settings are refused that would make this one.
    let forgotten = People::new(&settings("0.0.0.0:8090"));
    assert_eq!(
        forgotten.arrival(&nothing, Some(address("127.0.0.1"))),
        Err(Denied::NotNamed)
    );
}

#[test]
fn a_role_is_that_of_the_settings() {
    let mut settings = settings("127.0.0.1:8090");
    settings.users = user("li", "token", ConsoleRole::View);
    settings.proxy = Some(proxy(Some("x-user")));
    let people = People::new(&settings);
    for (name, via, role) in [
        ("li", Via::Token, Some(Role::View)),
        // Of the same name, and another person.
        ("li", Via::Proxy, Some(Role::View)),
        ("wang", Via::Proxy, Some(Role::Edit)),
        ("wang", Via::Token, None),
        ("li", Via::ThisMachine, None),
    ] {
        let who = Who {
            name: Arc::from(name),
            via,
        };
        assert_eq!(people.role(&who), role, "{name} {via}");
    }
    assert_eq!(
        people.with_token("token").map(|who| who.name),
        Some(Arc::from("li"))
    );
    for wrong in ["", "toke", "token ", "Token"] {
        assert_eq!(people.with_token(wrong), None);
    }
}

#[test]
fn behind_our_proxy_the_client_is_whom_it_names_last() {
    let mut settings = settings("127.0.0.1:8090");
    settings.users = user("li", "token", ConsoleRole::View);
    settings.proxy = Some(proxy(None));
    let people = People::new(&settings);
    let forwarded = |text| [("x-forwarded-for", text)];
    for (said, peer, client) in [
        (&[][..], "10.0.0.7", "10.0.0.7"),
        (&forwarded("203.0.113.7"), "10.0.0.7", "203.0.113.7"),
        (&forwarded("1.2.3.4, 10.9.9.9"), "10.0.0.7", "10.9.9.9"),
        (&forwarded("10.9.9.9, 10.0.0.8"), "10.0.0.7", "10.9.9.9"),
        (&forwarded("10.9.9.9, x"), "10.0.0.7", "10.0.0.7"),
        (&forwarded("2001:db8::9"), "10.0.0.7", "2001:db8::"),
        // Anybody can write that.
        (&forwarded("203.0.113.7"), "192.0.2.1", "192.0.2.1"),
    ] {
        let found = people.client(&headers(said), Some(address(peer)));
        assert_eq!(found, Some(address(client)), "{said:?} {peer}");
    }
    let proto = |text| [("x-forwarded-proto", text)];
    for (said, peer, wire) in [
        (&proto("https")[..], "10.0.0.7", Wire::Encrypted),
        (&proto("http, HTTPS"), "10.0.0.7", Wire::Encrypted),
        (&proto("https, http"), "10.0.0.7", Wire::NotKnown),
        (&proto("https"), "192.0.2.1", Wire::NotKnown),
        (&[], "10.0.0.7", Wire::NotKnown),
    ] {
        let found = people.wire(&headers(said), Some(address(peer)));
        assert_eq!(found, wire, "{said:?} {peer}");
    }
}
