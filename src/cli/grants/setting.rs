//! Sets ledgers, and has it written down who does: by the running service, which does so itself, or here, where the store is opened without one.

use crate::cli::access::StoreAccess;
use crate::cli::actor::Why;
use crate::cli::audit::Noted;
use crate::config::Settings;
use crate::edges::grants::{Line, Wanted, setting};
use wx_courier_core::model::audit::{Action, Ended, facts};
use wx_courier_core::model::outcome::RecipientStyle;

/// What is written down of ledgers that are about to be set; `None` where a service does it.
pub(super) async fn note(
    settings: &Settings,
    access: &mut StoreAccess,
    wanted: &[Wanted],
    why: &Why,
) -> anyhow::Result<Option<Noted>> {
    match access {
        StoreAccess::Service { .. } => return Ok(None),
        StoreAccess::Store { .. } => {}
    }
    let before = match wanted {
        [one] => {
            let look = Wanted {
                named: one.named.clone(),
                left: None,
            };
            // One that cannot be read is mended by setting it.
            let lines = access.ask_grants(&[look]).await;
            lines.ok().and_then(|lines| lines.into_iter().next())
        }
        [] | [_, _, ..] => None,
    };
    let style = match settings.outcomes.recipient {
        RecipientStyle::Hashed => RecipientStyle::Hashed,
        // No record names a whole openid.
        RecipientStyle::Masked | RecipientStyle::Plain => RecipientStyle::Masked,
    };
    let action = Action {
        why: why.words(),
        ..setting(wanted, before.as_ref(), |openid| style.show(openid))
    };
    Noted::begin(settings, action).await.map(Some)
}

/// Sets one ledger.
pub(super) async fn set_one(
    settings: &Settings,
    access: &mut StoreAccess,
    wanted: &Wanted,
    why: &Why,
) -> anyhow::Result<Vec<Line>> {
    let wanted = std::slice::from_ref(wanted);
    let noted = note(settings, access, wanted, why).await?;
    let lines = access.set_grants(wanted, why).await;
    if let (Some(noted), Err(error)) = (noted, &lines) {
        noted.end(Ended::Failed, &format!("{error:#}"), None).await;
    }
    lines
}

/// Says what came of an import.
pub(super) async fn conclude(noted: Option<Noted>, n_set: u64, failure: Option<&anyhow::Error>) {
    let Some(noted) = noted else {
        return;
    };
    let after = Some(facts([("set", n_set.into())]));
    match failure {
        None => noted.end(Ended::Done, "all counts are set", after).await,
        Some(error) => noted.end(Ended::Failed, &format!("{error:#}"), after).await,
    }
}
