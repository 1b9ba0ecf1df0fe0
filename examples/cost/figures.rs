//! What was measured, and how it is told: one figure a line, one store a column.

use serde_json::{Map, Value, json};

/// The store of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Memory,
    Sqlite,
    Redis,
}

impl StoreKind {
    pub(crate) const ALL: [Self; 3] = [Self::Memory, Self::Sqlite, Self::Redis];

    /// How its URL begins.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::Memory => "memory:",
            Self::Sqlite => "sqlite:",
            Self::Redis => "redis://",
        }
    }
}

/// How long each message took, in milliseconds, from the quickest to the slowest.
pub(crate) struct Latency(Vec<f64>);

impl Latency {
    pub(crate) fn of(mut each_ms: Vec<f64>) -> Self {
        each_ms.sort_by(f64::total_cmp);
        Self(each_ms)
    }

    /// What so many of a hundred messages did not exceed; `None` if there were no messages.
    fn percentile_ms(&self, hundredths: usize) -> Option<f64> {
        let place = self.0.len().checked_sub(1)? * hundredths / 100;
        self.0.get(place).copied()
    }
}

/// Processor time for a message, in microseconds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Processor {
    pub(crate) service_us: f64,
    pub(crate) redis_us: Option<f64>,
}

/// What one turn found.
pub(crate) struct Turn {
    pub(crate) store: StoreKind,
    pub(crate) is_right: bool,
    pub(crate) backlog_per_second: f64,
    pub(crate) backlog: Processor,
    pub(crate) steady: Processor,
    /// From the intended publication to the send that the sandbox took.
    pub(crate) to_send: Latency,
    /// From the intended publication to the outcome on its topic.
    pub(crate) to_outcome: Latency,
    pub(crate) resident_mib: f64,
    pub(crate) disk_bytes: Option<f64>,
    pub(crate) redis_bytes: Option<f64>,
    /// What programs that are not ours took of the machine meanwhile.
    pub(crate) others_percent: f64,
}

/// A figure: its key in the report, its name and unit in the table, how many digits after the point mean something, and where it is.
struct Figure {
    key: &'static str,
    name: &'static str,
    n_digits: usize,
    of: fn(&Turn) -> Option<f64>,
}

const fn figure(
    key: &'static str,
    name: &'static str,
    n_digits: usize,
    of: fn(&Turn) -> Option<f64>,
) -> Figure {
    Figure {
        key,
        name,
        n_digits,
        of,
    }
}

const FIGURES: [Figure; 15] = [
    figure("backlog_per_second", "backlog: messages/s", 0, |turn| {
        Some(turn.backlog_per_second)
    }),
    figure(
        "backlog_service_us",
        "backlog: CPU of the service, µs/message",
        0,
        |turn| Some(turn.backlog.service_us),
    ),
    figure(
        "backlog_redis_us",
        "backlog: CPU of redis-server, µs/message",
        0,
        |turn| turn.backlog.redis_us,
    ),
    figure(
        "steady_service_us",
        "steady: CPU of the service, µs/message",
        0,
        |turn| Some(turn.steady.service_us),
    ),
    figure(
        "steady_redis_us",
        "steady: CPU of redis-server, µs/message",
        0,
        |turn| turn.steady.redis_us,
    ),
    figure("send_p50_ms", "steady: to the send, p50, ms", 1, |turn| {
        turn.to_send.percentile_ms(50)
    }),
    figure("send_p99_ms", "steady: to the send, p99, ms", 1, |turn| {
        turn.to_send.percentile_ms(99)
    }),
    figure("send_max_ms", "steady: to the send, max, ms", 0, |turn| {
        turn.to_send.percentile_ms(100)
    }),
    figure(
        "outcome_p50_ms",
        "steady: to the outcome, p50, ms",
        1,
        |turn| turn.to_outcome.percentile_ms(50),
    ),
    figure(
        "outcome_p99_ms",
        "steady: to the outcome, p99, ms",
        1,
        |turn| turn.to_outcome.percentile_ms(99),
    ),
    figure(
        "outcome_max_ms",
        "steady: to the outcome, max, ms",
        0,
        |turn| turn.to_outcome.percentile_ms(100),
    ),
    figure(
        "resident_mib",
        "resident memory at the end, MiB",
        0,
        |turn| Some(turn.resident_mib),
    ),
    figure(
        "disk_bytes",
        "left on disk by the store, bytes/message",
        0,
        |turn| turn.disk_bytes,
    ),
    figure(
        "redis_bytes",
        "memory of redis-server, bytes/message",
        0,
        |turn| turn.redis_bytes,
    ),
    figure(
        "others_percent",
        "(taken by other programs, % of the machine)",
        0,
        |turn| Some(turn.others_percent),
    ),
];

/// The middle of some rounds, and how far they lie apart.
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn of(figure: &Figure, store: StoreKind, turns: &[Turn]) -> Option<Self> {
        let turns = turns.iter().filter(|turn| turn.store == store);
        let mut values: Vec<f64> = turns.filter_map(figure.of).collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self {
            median: f64::midpoint(low, high),
            min,
            max,
        })
    }
}

/// The median of the rounds, and the least and the most, as a table in Markdown.
pub(crate) fn table(turns: &[Turn]) -> String {
    let [first, second, third] = StoreKind::ALL.map(StoreKind::scheme);
    let mut table = format!("| | `{first}` | `{second}` | `{third}` |\n|---|---:|---:|---:|\n");
    for figure in &FIGURES {
        let digits = figure.n_digits;
        let cells = StoreKind::ALL.map(|store| match Spread::of(figure, store, turns) {
            None => String::new(),
            Some(Spread { median, min, max }) => {
                format!("{median:.digits$} ({min:.digits$}..{max:.digits$})")
            }
        });
        let line = format!("| {} | {} |\n", figure.name, cells.join(" | "));
        table.push_str(&line);
    }
    table
}

/// Every turn, and the summary of the table.
pub(crate) fn json(turns: &[Turn]) -> Value {
    let each = turns.iter().map(|turn| {
        let figures = FIGURES.iter();
        let mut told: Map<String, Value> = figures
            .map(|figure| (figure.key.to_owned(), json!((figure.of)(turn))))
            .collect();
        told.insert("store".to_owned(), json!(turn.store.scheme()));
        told.insert("is_right".to_owned(), json!(turn.is_right));
        Value::Object(told)
    });
    let each: Vec<Value> = each.collect();
    let mut summary = Map::new();
    for store in StoreKind::ALL {
        let spreads = FIGURES.iter().filter_map(|figure| {
            let Spread { median, min, max } = Spread::of(figure, store, turns)?;
            let spread = json!({ "median": median, "min": min, "max": max });
            Some((figure.key.to_owned(), spread))
        });
        let spreads: Map<String, Value> = spreads.collect();
        summary.insert(store.scheme().to_owned(), Value::Object(spreads));
    }
    json!({ "turns": each, "summary": summary })
}
