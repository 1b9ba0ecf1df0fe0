//! Tokens from elsewhere, tokens that another program ends, and tokens that WeChat refuses whatever one does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;
use wx_courier_sandbox::{Answer, Renewal, Script, Settings as SandboxSettings};

use crate::support::courier::Courier;
use crate::support::events::Event;
use crate::support::folder::{APPID, SECRET};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{checks, events, wait_until};

const PATIENT: &str = r#"
[send]
attempts     = 100
backoff_base = "50ms"
backoff_cap  = "500ms"
"#;

const HEADER_VALUE: &str = "Bearer centre-key";

/// What `/status` tells of the app's tokens.
fn tokens(courier: &Courier) -> Value {
    let (_, body) = courier.get("/status").unwrap();
    let report: Value = serde_json::from_str(&body).unwrap();
    report["tokens"]["shop"].clone()
}

/// Whether `/metrics` has this line.
fn is_measured(courier: &Courier, line: &str) -> bool {
    let (_, metrics) = courier.get("/metrics").unwrap();
    metrics.lines().any(|found| found == line)
}

/// A token as the user's own token centre fetches it.
fn fetch_classic(base_url: &str) -> String {
    let address = base_url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /cgi-bin/token?grant_type=client_credential&appid={APPID}&secret={SECRET} HTTP/1.0\r\nhost: {address}\r\n\r\n"
    )
    .unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

/// A token centre: it gives every client that shows the header the token that it was told last.
struct Centre {
    url: String,
    token: Arc<Mutex<String>>,
}

impl Centre {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/shop?key=1", listener.local_addr().unwrap());
        let token = Arc::new(Mutex::new(String::new()));
        let given = Arc::clone(&token);
        // It ends with the process of the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &given.lock().unwrap());
            }
        });
        Self { url, token }
    }

    fn tell(&self, token: String) {
        *self.token.lock().unwrap() = token;
    }
}

fn answer(mut stream: &TcpStream, token: &str) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let expected = format!("authorization: {HEADER_VALUE}");
    let is_allowed = head.iter().any(|line| line.eq_ignore_ascii_case(&expected));
    let (status, body) = if is_allowed {
        ("200 OK", format!(r#"{{"access_token":"{token}"}}"#))
    } else {
        ("401 Unauthorized", String::new())
    };
    let length = body.len();
    // A caller that has gone is none of the centre's affair.
    drop(write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ));
}

#[test]
fn a_token_centre_is_asked_and_wechat_is_not() {
    let centre = Centre::start();
    let app = format!(
        r#"token = {{ url = "{}", header = "Authorization", header_value = "{HEADER_VALUE}" }}"#,
        centre.url
    );
    let plan = Plan {
        app: app.leak(),
        sections: PATIENT,
        sandbox: SandboxSettings {
            // The token before dies at once, so the centre's next token is needed at once.
            token_overlap_ms: 0,
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "token-centre", plan);
    let base_url = &world.settings.apps["shop"].base_url;
    let first = fetch_classic(base_url);
    centre.tell(first.clone());
    let events = events::mixed(0..200);
    let wechat = &world.wechat;
    let courier = world.courier();
    world.publish(&events[..100]);
    wait_until("100 sends are accepted", || wechat.stats().accepted >= 100);
    let second = fetch_classic(base_url);
    centre.tell(second.clone());
    world.publish(&events[100..]);
    wait_until("all sends are accepted", || wechat.stats().accepted >= 200);
    wait_until("/status tells of both tokens", || {
        tokens(&courier)["fetched"].as_u64() >= Some(2)
    });
    let shown = tokens(&courier);
    assert_eq!(shown["mode"], "external", "{shown}");
    assert_eq!(shown["state"], "holding", "{shown}");
    assert_eq!(
        (&shown["forced"], &shown["invalidated"]),
        (&0.into(), &1.into()),
        "{shown}"
    );
    let (_, told) = courier.get("/status").unwrap();
    let told = told + &courier.log();
    for secret in [&first, &second, HEADER_VALUE, SECRET] {
        assert!(!told.contains(secret), "a secret is told");
    }
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    let stats = wechat.stats();
    assert_eq!(stats.calls["/cgi-bin/stable_token"], 0, "{stats:?}");
    assert_eq!(
        stats.calls["/cgi-bin/token"], 2,
        "the centre's own: {stats:?}"
    );
}

/// Publishes a batch, waits until it is accepted, lets something happen, and so on.
fn publish_in_batches(world: &World, events: &[Event], happens: impl Fn()) {
    let mut n_published = 0;
    for batch in events.chunks(50) {
        if n_published > 0 {
            happens();
        }
        world.publish(batch);
        n_published += batch.len();
        wait_until("the batch is accepted", || {
            world.wechat.stats().accepted == u64::try_from(n_published).unwrap()
        });
    }
}

#[test]
fn somebody_else_who_renews_the_classic_token_is_named() {
    let plan = Plan {
        app: r#"token = "classic""#,
        sections: PATIENT,
        sandbox: SandboxSettings {
            token_overlap_ms: 0,
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "token-thief", plan);
    let events = events::mixed(0..200);
    let wechat = &world.wechat;
    let courier = world.courier();
    publish_in_batches(&world, &events, || {
        assert!(wechat.renew_token(APPID, Renewal::Classic));
    });
    let gauge = r#"wx_courier_token_invalidated_by_others{app="shop"}"#;
    wait_until("/status tells of all tokens", || {
        tokens(&courier)["fetched"].as_u64() >= Some(4)
    });
    let shown = tokens(&courier);
    assert_eq!(shown["mode"], "classic", "{shown}");
    assert_eq!(shown["state"], "invalidated_by_others", "{shown}");
    assert_eq!(shown["invalidated"], 3, "{shown}");
    assert!(is_measured(&courier, &format!("{gauge} 1")));
    let fetched = r#"wx_courier_token_fetches_total{app="shop",kind="fetched"} 4"#;
    assert!(is_measured(&courier, fetched));
    let sentence = "the access token of this app is renewed elsewhere";
    assert_eq!(
        courier.log().matches(sentence).count(),
        1,
        "once for each change"
    );
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    assert_eq!(wechat.stats().calls["/cgi-bin/token"], 4);
}

#[test]
fn young_tokens_that_are_said_to_have_expired_name_another_program() {
    let plan = Plan {
        sections: PATIENT,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "token-young", plan);
    let events = events::mixed(0..200);
    let courier = world.courier();
    publish_in_batches(&world, &events, || {
        assert_eq!(world.wechat.expire_tokens(), 1);
    });
    wait_until("/status tells of all tokens", || {
        tokens(&courier)["fetched"].as_u64() >= Some(4)
    });
    let shown = tokens(&courier);
    assert_eq!(shown["state"], "invalidated_by_others", "{shown}");
    let counts = (&shown["forced"], &shown["invalidated"]);
    assert_eq!(counts, (&0.into(), &3.into()), "{shown}");
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}

#[test]
fn a_wedged_token_is_cured_by_force_and_accuses_no_program() {
    let plan = Plan {
        sections: PATIENT,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "token-wedged", plan);
    let events = events::mixed(0..100);
    let courier = world.courier();
    publish_in_batches(&world, &events, || {
        assert_eq!(world.wechat.wedge_tokens(), 1);
    });
    wait_until("/status tells of the forced refresh", || {
        tokens(&courier)["forced"].as_u64() >= Some(1)
    });
    let shown = tokens(&courier);
    assert_eq!(shown["state"], "holding", "{shown}");
    let counts = (&shown["forced"], &shown["invalidated"]);
    assert_eq!(counts, (&1.into(), &0.into()), "{shown}");
    assert!(shown["last_error"].is_null(), "{shown}");
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    assert_eq!(world.wechat.stats().forced_refreshes, 1);
}

#[test]
fn a_forced_refresh_that_does_not_cure_is_not_repeated_at_once() {
    let plan = Plan {
        sections: PATIENT,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "token-force", plan);
    let wechat = &world.wechat;
    wechat.script(Script::every_send(Answer::Errcode {
        code: 40001,
        message: None,
    }));
    let events = events::mixed(0..20);
    world.publish(&events);
    let courier = world.courier();
    // Two in normal mode, the forced one, and two with waits in between.
    wait_until("the token was asked for five times", || {
        wechat.stats().token_fetches >= 5
    });
    wait_until("/status says that tokens are refused", || {
        tokens(&courier)["state"] == "refused"
    });
    let shown = tokens(&courier);
    assert_eq!(shown["forced"], 1, "{shown}");
    assert_eq!(shown["invalidated"], 0, "nobody else's doing: {shown}");
    let why = "WeChat refuses the access tokens of this app with errcode 40001";
    assert_eq!(shown["last_error"], why, "{shown}");
    let forced = r#"wx_courier_token_fetches_total{app="shop",kind="forced"} 1"#;
    assert!(is_measured(&courier, forced));
    wechat.clear_scripts();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(events.len());
    wait_until("/status is well again", || {
        let shown = tokens(&courier);
        shown["state"] == "holding" && shown["last_error"].is_null()
    });
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    let stats = wechat.stats();
    assert_eq!(stats.forced_refreshes, 1, "{stats:?}");
    assert_eq!(stats.tokens_issued, 2, "{stats:?}");
}
