//! What the cluster is, and what it lets us do: for `wx-courier check --broker`, and for a service that was refused something.
//!
//! Everything is asked in a way that changes nothing: no group is joined, no record is written, no topic is made. All of it ends in a bounded
//! time, on a cluster that does not answer, too.

mod group;
mod heard;
mod reach;
mod reading;
mod topics;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaResult;
use serde::Serialize;
use tokio::time::Instant;

use super::cloud::{Cloud, Engine};
use super::partitions::{self, TopicError};
use super::producer::mode::{Answer, ask};
use super::producer::trial::try_to_write;
use super::standing::{Deed, Standing};
pub use super::topics::Limits;
use super::topics::{Purpose, Sources, wanted};
use super::trouble::Ear;
use crate::config::{Kafka, ProducerSetting, Settings};
use heard::Asking;
pub use reach::{Cluster, Login, Unreachable};
pub use reading::Clock;
pub use topics::{State, Topic};

/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(10);

/// How long all of them may take. What is not asked by then is not known.
const ALL: Duration = Duration::from_mins(1);

/// What was found.
#[derive(Debug, Serialize)]
pub struct Inspection {
    /// Where it was asked.
    pub asked: String,
    /// As whom.
    pub login: Login,
    /// Which producer the settings want.
    #[serde(skip)]
    pub producer: ProducerSetting,
    /// Who runs the brokers, if their names tell.
    pub cloud: Option<Cloud>,
    /// The cluster, and what it says; nothing of it if no broker answers.
    #[serde(flatten)]
    pub answer: Answered,
}

/// Whether a broker answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// No.
    Unreachable(Unreachable),
    /// Yes.
    Found(Box<Findings>),
}

/// What the cluster says.
#[derive(Debug, Serialize)]
pub struct Findings {
    /// The cluster.
    pub cluster: Cluster,
    /// The topics of the settings.
    pub topics: Vec<Topic>,
    /// What we may do.
    pub rights: Vec<Right>,
    /// Whether it takes idempotent producers.
    pub idempotence: Standing,
    /// How its clock and ours compare.
    pub clock: Clock,
}

/// Something that the service does, and whether it may.
#[derive(Debug, Serialize)]
pub struct Right {
    /// What.
    #[serde(flatten)]
    pub deed: Deed,
    /// Whether.
    #[serde(flatten)]
    pub standing: Standing,
}

/// Until when questions may be asked.
#[derive(Clone, Copy)]
struct Limit(Instant);

impl Limit {
    fn new() -> Self {
        Self(Instant::now() + ALL)
    }

    /// What the next question may take. librdkafka waits for ever if it is told to wait for no time.
    fn left(self) -> Duration {
        let left = self.0.saturating_duration_since(Instant::now());
        left.clamp(Duration::from_millis(1), QUESTION)
    }
}

/// Asks everything.
pub async fn inspect(settings: Arc<Settings>) -> anyhow::Result<Inspection> {
    let limit = Limit::new();
    let kafka = &settings.kafka;
    let asked = kafka.brokers.clone();
    let login = Login::of(kafka);
    let reached = {
        let settings = Arc::clone(&settings);
        tokio::task::spawn_blocking(move || reach::reach(&settings.kafka, limit)).await??
    };
    let (asking, cluster) = match reached {
        Ok(reached) => reached,
        Err(unreachable) => {
            return Ok(Inspection {
                cloud: cloud_of(kafka, &[]),
                answer: Answered::Unreachable(unreachable),
                producer: kafka.producer,
                asked,
                login,
            });
        }
    };
    let cloud = cloud_of(kafka, &cluster.brokers);
    let topics = topics::look(&settings, &asking, limit).await?;
    let of_settings = Arc::clone(&settings);
    let findings = tokio::task::spawn_blocking(move || {
        let there = topics.iter().filter(|topic| topic.is_there());
        let there: BTreeSet<String> = there.map(|topic| topic.name.clone()).collect();
        let of_cloud = (&there, engine_of(cloud));
        let (rights, clock) = rights(&of_settings, &asking, of_cloud, limit)?;
        anyhow::Ok(Findings {
            cluster,
            topics,
            rights,
            idempotence: idempotence(&of_settings, limit),
            clock,
        })
    });
    Ok(Inspection {
        cloud,
        answer: Answered::Found(Box::new(findings.await??)),
        producer: kafka.producer,
        asked,
        login,
    })
}

/// Who runs the brokers, if their names in the settings or those that they give themselves tell.
fn cloud_of(kafka: &Kafka, theirs: &[String]) -> Option<Cloud> {
    let own = kafka.brokers.split(',').map(str::trim);
    Cloud::of(own.chain(theirs.iter().map(String::as_str)))
}

fn engine_of(cloud: Option<Cloud>) -> Engine {
    cloud.map_or(Engine::Kafka, Cloud::engine)
}

/// Tries what a member of the group does: reads each of these topics, and would commit. Blocks, for each of them for a question's time.
fn member_rights(
    kafka: &Kafka,
    asking: &Arc<Asking>,
    (sources, engine): (&[&String], Engine),
    limit: Limit,
) -> (Vec<Right>, Clock) {
    let mut rights = Vec::new();
    let mut clock = Clock::default();
    for topic in sources {
        let (standing, newest) = reading::try_to_read(asking, topic, limit);
        clock.note(newest);
        let deed = Deed::Read((*topic).clone());
        rights.push(Right { deed, standing });
    }
    if let Some(topic) = kafka.topics.first() {
        let deed = Deed::Join(kafka.group.clone());
        let standing = match engine {
            Engine::Kafka => group::try_to_commit(asking, topic, limit),
            Engine::Other => not_tried(),
        };
        rights.push(Right { deed, standing });
    }
    (rights, clock)
}

/// What the cluster lets a member of the group do now, for a service that was refused something of it. Blocks.
pub fn examine(kafka: &Kafka) -> KafkaResult<Vec<Right>> {
    let asking = Arc::new(heard::make(kafka)?);
    let limit = Limit::new();
    let engine = match reach::brokers(&asking, kafka, limit) {
        Ok(theirs) => engine_of(cloud_of(kafka, &theirs)),
        // Then nothing else is answered either.
        Err(_) => Engine::Other,
    };
    let mut rights = Vec::new();
    let mut seen = Vec::new();
    for topic in &kafka.topics {
        let standing = match partitions::count(&asking, &kafka.brokers, topic, limit.left()) {
            Ok(_) => {
                seen.push(topic);
                Standing::Allowed
            }
            Err(TopicError::NotAllowed { code, .. }) => Standing::Refused(code.to_string()),
            Err(
                error @ (TopicError::Missing { .. }
                | TopicError::Unreachable { .. }
                | TopicError::Other { .. }),
            ) => Standing::NotKnown(error.to_string()),
        };
        let deed = Deed::Describe(topic.clone());
        rights.push(Right { deed, standing });
    }
    let (of_member, _) = member_rights(kafka, &asking, (&seen, engine), limit);
    // What is never tried on these brokers tells nothing.
    rights.extend(
        of_member
            .into_iter()
            .filter(|right| right.standing != not_tried()),
    );
    Ok(rights)
}

/// Tries everything that the service does, on the topics that are there.
fn rights(
    settings: &Settings,
    asking: &Arc<Asking>,
    (there, engine): (&BTreeSet<String>, Engine),
    limit: Limit,
) -> KafkaResult<(Vec<Right>, Clock)> {
    let kafka = &settings.kafka;
    let sources = kafka.topics.iter().filter(|topic| there.contains(*topic));
    let sources: Vec<&String> = sources.collect();
    let (mut rights, clock) = member_rights(kafka, asking, (&sources, engine), limit);
    let written = written(settings).into_iter();
    for topic in written.filter(|topic| there.contains(topic)) {
        rights.push(Right {
            standing: match engine {
                Engine::Kafka => try_to_write(kafka, &topic, limit.left())?,
                Engine::Other => not_tried(),
            },
            deed: Deed::Write(topic),
        });
    }
    Ok((rights, clock))
}

/// The trials of these rights are what Kafka refuses whole; elsewhere they could leave something behind.
fn not_tried() -> Standing {
    Standing::NotKnown(NOT_TRIED.to_owned())
}

const NOT_TRIED: &str =
    "not tried, since these brokers may keep what Kafka refuses; look in the cloud's console";

/// The topics that the service writes to.
fn written(settings: &Settings) -> BTreeSet<String> {
    let own = wanted(settings, Sources::NotOurs).into_iter();
    let own = own.filter(|topic| topic.purpose != Purpose::Source);
    let miniapp = settings.public.iter().flat_map(|public| &public.miniapp);
    let of_miniapp = miniapp.flat_map(|miniapp| miniapp.send.values());
    own.map(|topic| topic.name)
        .chain(of_miniapp.map(ToString::to_string))
        .collect()
}

fn idempotence(settings: &Settings, limit: Limit) -> Standing {
    match ask(&settings.kafka, Ear::Command, limit.left()) {
        Answer::Allowed => Standing::Allowed,
        Answer::Refused(refusal) => Standing::Refused(refusal.said),
        Answer::NotKnown(why) => Standing::NotKnown(why),
    }
}
