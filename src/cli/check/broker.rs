//! `wx-courier check --broker`: what the Kafka cluster is, and whether it lets us do what `run` does.

use std::sync::Arc;

use super::count;
use crate::cli::block_on;
use crate::config::{Loaded, ProducerSetting, Settings};
use crate::edges::kafka::inspect::{
    Answered, Clock, Findings, Inspection, Limits, Login, Right, State, Topic, inspect,
};
use crate::edges::kafka::standing::{Deed, Standing};
use crate::edges::kafka::topics::Purpose;
use crate::edges::kafka::topics::creation::PRINT;
use wx_courier_core::document::{Origin, Problem};
use wx_courier_core::model::outcome::bounds::SMALLEST_TOPIC_BYTES;

/// Asks the cluster, and adds what is wrong to the problems.
pub(super) fn ask_broker(loaded: &mut Loaded) -> anyhow::Result<Option<Inspection>> {
    let Some(settings) = loaded.settings.clone() else {
        let problem = Problem::warning(
            &Origin::Default,
            "the brokers were not asked: the settings have mistakes",
        );
        loaded.problems.push(problem);
        return Ok(None);
    };
    let settings = Arc::new(settings);
    let inspection = block_on(inspect(Arc::clone(&settings)))?;
    for problem in problems(&settings, &inspection) {
        loaded.problems.push(problem);
    }
    Ok(Some(inspection))
}

fn error(key: &str, message: String) -> Problem {
    Problem::error(&Origin::Default, message).key(key)
}

fn warning(key: &str, message: String) -> Problem {
    Problem::warning(&Origin::Default, message).key(key)
}

fn problems(settings: &Settings, inspection: &Inspection) -> Vec<Problem> {
    let mut problems = Vec::new();
    if inspection.login == Login::NotUsed {
        let message =
            "a user or a password is said, and `security.protocol` has no login: they are not used";
        problems.push(
            warning("kafka.options.security.protocol", message.to_owned())
                .help("say SASL_SSL, or SASL_PLAINTEXT within a private network"),
        );
    }
    let found = match &inspection.answer {
        Answered::Found(found) => found,
        Answered::Unreachable(why) => {
            let message = format!("no broker answers at {}: {}", inspection.asked, why.said);
            problems.push(error("kafka.brokers", message).help(why.cause.help()));
            return problems;
        }
    };
    for topic in &found.topics {
        problems.extend(of_topic(topic, found));
    }
    problems.extend(of_sizes(&found.topics));
    let of_rights = found.rights.iter();
    problems.extend(of_rights.filter_map(|right| of_right(right, &settings.audit_topic)));
    problems.extend(of_idempotence(settings.kafka.producer, &found.idempotence));
    if let Clock::Ahead { by_ms } = found.clock {
        let message = format!(
            "the brokers' clock is {} s ahead of this machine's, or more",
            by_ms / 1000
        );
        problems.push(
            warning("kafka.brokers", message)
                .help("keep both in step (NTP): ages of events and claims are told by them"),
        );
    }
    problems
}

/// The key of the settings that names topics of this purpose.
fn key_of(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Source => "kafka.topics",
        Purpose::Outcomes => "outcomes.topic",
        Purpose::DeadLetters => "dead_letters.topic",
        Purpose::Audit => "audit.topic",
    }
}

/// What is wrong with a topic. Without its audit topic a service runs as well as ever.
fn fault(purpose: Purpose, message: String) -> Problem {
    match purpose {
        Purpose::Source | Purpose::Outcomes | Purpose::DeadLetters => {
            error(key_of(purpose), message)
        }
        Purpose::Audit => warning(key_of(purpose), message),
    }
}

/// What helps where a topic is missing that is made by us.
const MAKE: &str = "`wx-courier topics create` makes it";
const MAKE_AUDIT: &str = "`wx-courier topics create` makes it. Until then it is not recorded who pauses, resumes and reloads, and replays, `grants set` and `import`, `quota clear` and `state resume` are refused";

fn of_topic(topic: &Topic, found: &Findings) -> Vec<Problem> {
    let (name, key) = (&topic.name, key_of(topic.purpose));
    match &topic.state {
        State::There { copies, limits, .. } => {
            let mut problems = Vec::new();
            if *copies == 1 && found.cluster.brokers.len() > 1 {
                let message = format!("the topic {name} has one copy");
                problems.push(
                    warning(key, message)
                        .help("a broker that is lost takes its records with it: have three"),
                );
            }
            let limits = limits.iter();
            problems.extend(limits.flat_map(|limits| of_limits(topic, *copies, limits)));
            problems
        }
        State::Missing { creation } => {
            let message = format!("the topic {name} does not exist at the cluster");
            let help = match (creation, topic.purpose) {
                (Standing::Refused(_) | Standing::NotKnown(_), _) => PRINT,
                (Standing::Allowed, Purpose::Source) => {
                    "check the name; `wx-courier topics create --sources` makes it"
                }
                (Standing::Allowed, Purpose::Outcomes | Purpose::DeadLetters) => MAKE,
                (Standing::Allowed, Purpose::Audit) => MAKE_AUDIT,
            };
            vec![fault(topic.purpose, message).help(help)]
        }
        State::Hidden { why } => vec![fault(topic.purpose, why.clone())],
    }
}

fn of_limits(topic: &Topic, copies: usize, limits: &Limits) -> Vec<Problem> {
    let (name, key) = (&topic.name, key_of(topic.purpose));
    let mut problems = Vec::new();
    if topic.purpose == Purpose::Source {
        return problems;
    }
    if limits
        .min_insync_replicas
        .is_some_and(|needed| needed > copies)
    {
        let message = format!(
            "the topic {name} has fewer copies than its min.insync.replicas: it acknowledges nothing"
        );
        let fault = fault(topic.purpose, message);
        problems.push(fault.help("lower min.insync.replicas, or add copies"));
    }
    let bytes = limits.max_message_bytes;
    if let Some(bytes) = bytes.filter(|bytes| *bytes < SMALLEST_TOPIC_BYTES) {
        let message = format!("the topic {name} takes records of {bytes} bytes at most");
        problems.push(fault(topic.purpose, message).help(format!(
            "raise its max.message.bytes to {SMALLEST_TOPIC_BYTES} at least: a record of ours may need that much"
        )));
    }
    let policy = limits.cleanup_policy.as_deref().unwrap_or_default();
    if topic.purpose == Purpose::DeadLetters && policy.contains("compact") {
        let message = format!("the topic {name} is compacted");
        problems.push(warning(key, message).help(
            "set its cleanup.policy to delete: of dead letters with one key only the last is kept, one without a value deletes those before it and then \
             itself, and one without a key goes there without its record",
        ));
    }
    if topic.purpose == Purpose::Audit && policy.contains("compact") {
        let message = format!("the topic {name} is compacted");
        problems.push(
            warning(key, message)
                .help("set its cleanup.policy to delete: of all that was done to one rule only the last is kept"),
        );
    }
    problems
}

/// A dead letter is its record and some headers.
fn of_sizes(topics: &[Topic]) -> Option<Problem> {
    let largest = |purpose| {
        let of_purpose = topics.iter().filter(move |topic| topic.purpose == purpose);
        of_purpose.filter_map(max_bytes).max()
    };
    let letters = largest(Purpose::DeadLetters)?;
    let sources = largest(Purpose::Source)?;
    (letters < sources).then(|| {
        let message = format!(
            "source topics take records of {sources} bytes, the dead-letter topic of {letters}: a larger dead letter goes there without its value"
        );
        warning("dead_letters.topic", message)
            .help("raise the dead-letter topic's max.message.bytes above the source topics'")
    })
}

fn max_bytes(topic: &Topic) -> Option<usize> {
    match &topic.state {
        State::There { limits, .. } => limits.as_ref()?.max_message_bytes,
        State::Missing { .. } | State::Hidden { .. } => None,
    }
}

fn of_right(right: &Right, audit_topic: &str) -> Option<Problem> {
    let (deed, key) = (&right.deed, right.deed.key());
    match &right.standing {
        Standing::Allowed => None,
        Standing::Refused(why) => {
            let message = format!("we may not {deed}: {why}");
            let is_of_audit = *deed == Deed::Write(audit_topic.to_owned());
            let problem = if is_of_audit {
                warning(key, message)
            } else {
                error(key, message)
            };
            Some(problem.help(deed.help()))
        }
        Standing::NotKnown(why) => Some(warning(
            key,
            format!("it is not known whether we may {deed}: {why}"),
        )),
    }
}

fn of_idempotence(setting: ProducerSetting, standing: &Standing) -> Option<Problem> {
    match (setting, standing) {
        (ProducerSetting::Plain, _)
        | (_, Standing::Allowed)
        | (ProducerSetting::Auto, Standing::Refused(_)) => None,
        (ProducerSetting::Idempotent, Standing::Refused(why)) => {
            let message = format!("the cluster refuses idempotent producers: {why}");
            Some(
                error("kafka.producer", message)
                    .help("say producer = \"auto\" or \"plain\": what is promised is the same"),
            )
        }
        (ProducerSetting::Auto | ProducerSetting::Idempotent, Standing::NotKnown(why)) => {
            Some(warning(
                "kafka.producer",
                format!("it is not known whether the cluster takes idempotent producers: {why}"),
            ))
        }
    }
}

/// What was found, for a person.
pub(super) fn lines(inspection: &Inspection) -> Vec<String> {
    let mut rows = vec![
        ("brokers", inspection.asked.clone()),
        ("login", of_login(&inspection.login)),
    ];
    if let Answered::Found(found) = &inspection.answer {
        rows.extend(of_findings(found, inspection.producer));
    }
    let cloud = inspection
        .cloud
        .map_or("not known by its names", |cloud| cloud.as_str());
    rows.push(("cloud", cloud.to_owned()));
    let rows = rows
        .into_iter()
        .map(|(label, text)| format!("{label:9} {text}"));
    let lines = inspection.cloud.iter().flat_map(|cloud| cloud.lines());
    let lines = lines.map(|line| format!("    {line}").trim_end().to_owned());
    let heading = inspection.cloud.map(|_| {
        "          courier.toml for it, as far as it is the same for everybody:".to_owned()
    });
    rows.chain(heading).chain(lines).collect()
}

fn of_login(login: &Login) -> String {
    match login {
        Login::Anonymous | Login::NotUsed => "none".to_owned(),
        Login::User { name, mechanism } => format!("user {name} ({mechanism})"),
        Login::Certificate { file } => format!("whom the certificate {file} names"),
    }
}

fn of_findings(found: &Findings, setting: ProducerSetting) -> Vec<(&'static str, String)> {
    let cluster = &found.cluster;
    let id = cluster.id.as_deref().unwrap_or("without an id");
    let mut rows = vec![("cluster", format!("{id}: {}", cluster.brokers.join(", ")))];
    for topic in &found.topics {
        rows.push(("topic", format!("{}: {}", topic.name, in_words(topic))));
    }
    for right in &found.rights {
        let (deed, standing) = (&right.deed, yes_or_no(&right.standing));
        rows.push(("right", format!("{deed}: {standing}")));
    }
    rows.push(("producer", of_producer(setting, &found.idempotence)));
    rows.push((
        "clock",
        match found.clock {
            Clock::NotKnown => "not known: only a record that is written now would tell".to_owned(),
            Clock::Ahead { by_ms } => format!("{by_ms} ms ahead of this machine's, or more"),
        },
    ));
    rows
}

/// Which producer `run` would take.
fn of_producer(setting: ProducerSetting, idempotence: &Standing) -> String {
    match (setting, idempotence) {
        (ProducerSetting::Plain, Standing::Allowed) => {
            "plain, as the settings say; the cluster takes idempotent ones".to_owned()
        }
        (ProducerSetting::Plain, Standing::Refused(_) | Standing::NotKnown(_)) => {
            "plain, as the settings say".to_owned()
        }
        (ProducerSetting::Auto | ProducerSetting::Idempotent, Standing::Allowed) => {
            "idempotent, the cluster takes such".to_owned()
        }
        (ProducerSetting::Auto, Standing::Refused(why)) => {
            format!("plain, as the cluster refuses idempotent ones ({why})")
        }
        (ProducerSetting::Idempotent, Standing::Refused(why)) => {
            format!("none: the settings want an idempotent one, and the cluster refuses it ({why})")
        }
        (ProducerSetting::Auto | ProducerSetting::Idempotent, Standing::NotKnown(why)) => {
            format!("idempotent at first; whether the cluster takes it is not known ({why})")
        }
    }
}

fn in_words(topic: &Topic) -> String {
    match &topic.state {
        State::There {
            partitions,
            copies,
            limits,
        } => {
            let takes = limits.as_ref().map(|limits| {
                let bytes = limits.max_message_bytes;
                let bytes = bytes.map_or("unknown".to_owned(), |bytes| bytes.to_string());
                let policy = limits.cleanup_policy.as_deref().unwrap_or("unknown");
                format!("max.message.bytes {bytes}, cleanup.policy {policy}")
            });
            let takes = takes.unwrap_or_else(|| {
                "what it takes is not known, as we may not describe its settings".to_owned()
            });
            let partitions = count(partitions.unsigned_abs() as usize, "partition");
            let brokers = count(*copies, "broker");
            format!("{partitions}, each on {brokers}; {takes}")
        }
        State::Missing { creation } => {
            format!("missing; may be made by us: {}", yes_or_no(creation))
        }
        State::Hidden { .. } => "not shown to us".to_owned(),
    }
}

fn yes_or_no(standing: &Standing) -> String {
    match standing {
        Standing::Allowed => "yes".to_owned(),
        Standing::Refused(why) => format!("no ({why})"),
        Standing::NotKnown(why) => format!("not known ({why})"),
    }
}
