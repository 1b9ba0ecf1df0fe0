//! What `run` waits for before it begins: the cluster, its topics, and which producer it takes.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::{Exit, complain};
use crate::config::Settings;
use crate::edges::kafka::partitions::TopicError;
use crate::edges::kafka::producer::mode::{self, Chosen};
use crate::edges::kafka::topics::{self, Lookup, Purpose};
use crate::edges::kafka::trouble::{Ear, Troubles};
use wx_courier_core::model::outcome::bounds::SMALLEST_TOPIC_BYTES;

/// How often it is heard, while the cluster is asked at the start, what has gone wrong with the connections.
const LISTEN_EVERY: Duration = Duration::from_millis(200);

/// The wait before the cluster is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Waits until the cluster has all topics and has said which producer it takes. If a topic is missing, that was told, and the process ends.
pub(super) async fn wait_for_cluster(
    settings: &Arc<Settings>,
    troubles: &Troubles,
) -> anyhow::Result<Result<Chosen, Exit>> {
    let missing = missing_topics(settings, troubles).await?;
    if !missing.is_empty() {
        tell_missing(settings, &missing);
        return Ok(Err(Exit::No));
    }
    let producer = mode::chosen(&settings.kafka, troubles.ear()).await?;
    tracing::info!(
        mode = producer.mode.as_str(),
        why = producer.why,
        "the producer of outcomes is chosen"
    );
    warn_of_small_topics(settings).await;
    // It is no reason to wait.
    tokio::spawn(warn_of_missing_audit(Arc::clone(settings), troubles.ear()));
    Ok(Ok(producer))
}

/// Waits for the cluster as long as it takes: a service that is started with its cluster, or before its rights are given, should not fail for
/// being first. What it waits for is among the troubles.
async fn missing_topics(
    settings: &Arc<Settings>,
    troubles: &Troubles,
) -> anyhow::Result<Vec<String>> {
    let lookup = Arc::new(Lookup::new(&settings.kafka, troubles.ear())?);
    loop {
        let (asking, asked, told) = (Arc::clone(&lookup), Arc::clone(settings), troubles.clone());
        let mut answer = tokio::task::spawn_blocking(move || look_for_all(&asking, &asked, &told));
        let answer = loop {
            tokio::select! {
                answer = &mut answer => break answer?,
                () = tokio::time::sleep(LISTEN_EVERY) => lookup.listen(),
            }
        };
        if let Some(missing) = answer {
            return Ok(missing);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Which topics of the settings do not exist; `None` if the cluster does not say it of all of them. Blocks.
fn look_for_all(lookup: &Lookup, settings: &Settings, troubles: &Troubles) -> Option<Vec<String>> {
    let mut missing = Some(Vec::new());
    let needed = topics::wanted(settings, topics::Sources::Too).into_iter();
    // A service of before runs on without the audit topic.
    for topic in needed.filter(|topic| topic.purpose != Purpose::Audit) {
        let found = lookup.look(&topic.name);
        troubles.looked(&topic.name, found.as_ref().copied());
        match (found, &mut missing) {
            (Err(TopicError::Missing { topic, .. }), Some(missing)) => missing.push(topic),
            (Ok(()) | Err(TopicError::Missing { .. }), _) => {}
            (Err(TopicError::Unreachable { .. }), _) => return None,
            (Err(TopicError::NotAllowed { .. } | TopicError::Other { .. }), _) => missing = None,
        }
    }
    missing
}

/// Most outcomes may pass all the same, so this is no reason not to begin.
async fn warn_of_small_topics(settings: &Settings) {
    let topics = [
        settings.outcomes.topic.as_str(),
        settings.dead_letter_topic.as_str(),
    ];
    for (topic, bytes) in topics::too_small(&settings.kafka, &topics).await {
        tracing::error!(
            topic,
            max_message_bytes = bytes,
            needed = SMALLEST_TOPIC_BYTES,
            "the topic may refuse what is published to it: raise its max.message.bytes"
        );
    }
}

/// What a service does without its audit topic, and what not, is said before it is asked for.
async fn warn_of_missing_audit(settings: Arc<Settings>, ear: Ear) {
    let look = move || Lookup::new(&settings.kafka, ear)?.look(&settings.audit_topic);
    match tokio::task::spawn_blocking(look).await {
        Ok(Err(why @ (TopicError::Missing { .. } | TopicError::NotAllowed { .. }))) => {
            tracing::warn!(
                "there is no audit, so what people change is not recorded, and grants that they set, replays and `state resume` are refused: {why}"
            );
        }
        Ok(Ok(()) | Err(TopicError::Unreachable { .. } | TopicError::Other { .. })) | Err(_) => {}
    }
}

fn tell_missing(settings: &Settings, missing: &[String]) {
    for topic in missing {
        let is_source = settings.kafka.topics.contains(topic);
        let purpose = if is_source {
            "the source topic"
        } else {
            "the topic"
        };
        let command = if is_source {
            "wx-courier topics create --sources"
        } else {
            "wx-courier topics create"
        };
        complain(format_args!(
            "error: {purpose} {topic} does not exist at {}\n    help: `{command}` creates it",
            settings.kafka.brokers
        ));
    }
}
