//! More connections than the process may have descriptors: the pages answer, users are served, and messages are sent.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::courier::Courier;
use crate::support::kafka::{self, Kafka};
use crate::support::load::Load;
use crate::support::push::ask;
use crate::support::world::{Plan, World};
use crate::support::{checks, wait_until};

const SECTIONS: &str = r#"
[public]
listen = "127.0.0.1:1"

[miniapp]
session_secret = "a-secret-for-sessions-of-32-bytes"
"#;

/// What the shell allows. The sandbox and Kafka are other processes, so the service alone has to make do with it.
const LIMIT: usize = 256;

struct Crowded {
    world: World,
    courier: Courier,
    public: String,
}

impl Crowded {
    fn start(name: &str) -> Self {
        // The test itself holds the other ends.
        rlimit::increase_nofile_limit(65_536).unwrap();
        let plan = Plan {
            app: "max_in_flight = 40",
            sections: SECTIONS,
            ..Plan::default()
        };
        let world = World::new(Kafka::shared(), name, plan);
        let free = || format!("127.0.0.1:{}", kafka::free_port().unwrap());
        let (private, public) = (free(), free());
        world.rewrite("courier.toml", "127.0.0.1:0", &private);
        world.rewrite("courier.toml", "127.0.0.1:1\"", &format!("{public}\""));
        let log = File::create(world.next_log()).unwrap();
        let before = format!("ulimit -n {LIMIT}");
        let mut courier = world.courier_after(&before, &private, log.into());
        courier.wait_until_ready();
        wait_until("the public listener answers", || {
            TcpStream::connect(&public).is_ok()
        });
        Self {
            world,
            courier,
            public,
        }
    }

    fn n_descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.courier.process_id());
        fs::read_dir(folder).unwrap().count()
    }

    /// What the process has taken for itself. The pages of its program file are not in it: the first request of a kind
    /// reads some of them in.
    fn allocated_kib(&self) -> usize {
        let status = format!("/proc/{}/status", self.courier.process_id());
        let status = fs::read_to_string(status).unwrap();
        let line = (status.lines()).find_map(|line| line.strip_prefix("RssAnon:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    fn refused(&self, listener: &str, why: &str) -> u64 {
        let (_, metrics) = self.courier.get("/metrics").unwrap();
        let labels = format!("{{listener=\"{listener}\",why=\"{why}\"}} ");
        let name = format!("wx_courier_connections_refused_total{labels}");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |number| number.parse().unwrap())
    }
}

/// Connections that have sent so much of a request.
fn connect(address: &str, count: usize, sent: &[u8]) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = TcpStream::connect(address).unwrap();
        // It may be closed by now, for the next one.
        let _sent = stream.write_all(sent).is_ok();
        stream
    };
    (0..count).map(connect).collect()
}

#[test]
fn idle_connections_take_nothing_from_the_rest() {
    let crowded = Crowded::start("crowd");
    let Crowded {
        world,
        courier,
        public,
    } = &crowded;
    let mut load = Load::new(world);
    let slow = b"POST /miniapp/login HTTP/1.1\r\nhost: x\r\nx: ";
    let _idle = [
        connect(public, 500, b""),
        connect(public, 300, slow),
        connect(courier.address(), 300, b""),
        connect(courier.address(), 100, slow),
    ];
    let n_before = world.wechat.stats().accepted;
    load.keep_until("sends go on", || {
        let (status, body) = courier.get("/healthz").unwrap();
        assert_eq!((status.as_str(), body.as_str()), ("200", "ok\n"));
        world.wechat.stats().accepted >= n_before + 500
    });
    let answer = ask(public, "POST", "/miniapp/login", &[], b"{}");
    assert_eq!(answer.status, 400, "{answer:?}");
    for listener in ["public", "private"] {
        assert!(crowded.refused(listener, "made_room") > 0, "{listener}");
        assert_eq!(crowded.refused(listener, "not_accepted"), 0, "{listener}");
    }
    assert!(crowded.n_descriptors() < LIMIT);
    world.flush();
    let events = load.events;
    let mut outcomes = world.outcomes();
    let Crowded { world, courier, .. } = crowded;
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}

/// How many connections are measured: all of them have a seat.
const MEASURED: usize = 40;

/// What one of them may hold. Its read buffer has 16 KiB, and with all that belongs to it some 50 are allocated;
/// buffers as large as clients like would be 400.
const MOST_KIB: usize = 128;

/// What else a process allocates meanwhile, for Kafka most of all, is not for a connection: of three processes one has to show how little that is.
#[test]
fn a_connection_holds_little_before_its_request_is_there() {
    let most = MEASURED * MOST_KIB;
    for (kib, ends) in [(15, Ends::Never), (400, Ends::Refused)] {
        let mut grown: Vec<usize> = Vec::new();
        while grown.len() < 3 && grown.last().is_none_or(|grown| *grown >= most) {
            grown.push(grown_kib(kib, ends));
        }
        println!("{MEASURED} connections with {kib} KiB of a head each: {grown:?} KiB more");
        assert!(grown.iter().any(|grown| *grown < most), "{grown:?} KiB");
    }
}

/// What becomes of a head.
#[derive(Clone, Copy)]
enum Ends {
    /// Its end does not come.
    Never,
    /// It is too long.
    Refused,
}

/// How much a new service grows by these connections, each with so much of a head.
fn grown_kib(kib: usize, ends: Ends) -> usize {
    let crowded = Crowded::start("crowd-memory");
    let public = &crowded.public;
    // What the first requests of a process allocate is not for a connection.
    drop(connect(public, MEASURED, b"GET / HTTP/1.1\r\nx: "));
    let before = crowded.allocated_kib();
    let head = [b"GET / HTTP/1.1\r\nx: ".to_vec(), vec![b'x'; kib * 1024]].concat();
    let mut waiting = connect(public, MEASURED, &head);
    match ends {
        Ends::Refused => waiting.iter_mut().for_each(is_refused),
        Ends::Never => wait_until("all of them are read", || {
            let name = "wx_courier_connections{listener=\"public\"}";
            crowded.courier.measures(&format!("{name} {MEASURED}"))
        }),
    }
    let grown = crowded.allocated_kib().saturating_sub(before);
    crowded.courier.end_cleanly();
    grown
}

/// The service does not wait for the end of a head that is too long.
fn is_refused(stream: &mut TcpStream) {
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let mut answer = Vec::new();
    // Reset or not, it ends.
    let _read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"));
}
