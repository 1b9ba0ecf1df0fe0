//! What people ask about grants, put to the store: by the service's pages and by the commands.

use std::sync::Arc;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::edges::store::StoreClient;
use wx_courier_core::grants::{Balance, Named, Query};

/// One ledger in numbers, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The template, by its name in `templates.toml`.
    pub template: Arc<str>,
    /// `WeChat`'s id of it.
    pub template_id: Arc<str>,
    /// Messages that the user has allowed, as far as is known, less what was taken back.
    pub granted: u64,
    /// Messages under way that have one reserved.
    pub reserved: u64,
    /// Messages that were sent, or may have been.
    pub used: u64,
    /// How many more may be sent.
    pub left: u64,
}

/// What is wanted of one ledger.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which one.
    pub named: Named,
    /// How many more messages the user has allowed; `None` leaves it as it is.
    pub left: Option<u32>,
}

/// Asks for all of these ledgers, and sets those that are to be set. Waits as long as the store is down.
pub async fn ask(store: &StoreClient, wanted: &[Wanted], now_ms: i64) -> anyhow::Result<Vec<Line>> {
    let queries = wanted.iter().map(|wanted| {
        let key = wanted.named.key.clone();
        match wanted.left {
            Some(left) => Query::Set { key, left, now_ms },
            None => Query::Look { key, now_ms },
        }
    });
    let answers = store.ask_all(queries).await?;
    let lines = wanted.iter().zip(answers);
    lines
        .map(|(wanted, answer)| {
            let Ok(balance) = answer else {
                bail!(
                    "the ledger of this user for {} cannot be read: a later version may have written it, or it is damaged. Setting it writes it anew",
                    wanted.named.template
                );
            };
            Ok(line(&wanted.named, balance))
        })
        .collect()
}

fn line(named: &Named, balance: Balance) -> Line {
    let Balance {
        granted,
        reserved,
        used,
        left,
    } = balance;
    Line {
        template: Arc::clone(&named.template),
        template_id: Arc::clone(&named.key.template_id),
        granted,
        reserved,
        used,
        left,
    }
}
