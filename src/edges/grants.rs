//! What people ask about grants, put to the store: by the service's pages and by the commands.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;
use serde::{Deserialize, Serialize};

use crate::edges::store::StoreClient;
use wx_courier_core::grants::{Balance, Named, Query};
use wx_courier_core::model::audit::{Action, What, facts};

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

/// So many templates are named in what is written down of an import.
const MOST_NAMED: usize = 20;

/// What it is, for the audit, to set these ledgers. `before` is the one ledger as it was, and `user` shows an openid.
pub fn setting(wanted: &[Wanted], before: Option<&Line>, user: impl Fn(&str) -> String) -> Action {
    if let [Wanted { named, left }] = wanted {
        let (key, template) = (&named.key, &*named.template);
        return Action {
            what: What::GrantsSet,
            subject: format!("user {} of app {}", user(&key.openid), key.app),
            before: before.map(|line| {
                facts([
                    ("template", template.into()),
                    ("left", line.left.into()),
                    ("granted", line.granted.into()),
                    ("reserved", line.reserved.into()),
                    ("used", line.used.into()),
                ])
            }),
            after: Some(facts([
                ("template", template.into()),
                ("left", (*left).into()),
            ])),
            why: None,
        };
    }
    let apps: BTreeSet<&str> = wanted.iter().map(|wanted| &*wanted.named.key.app).collect();
    let of = |wanted: &'_ Wanted| format!("{}/{}", wanted.named.key.app, wanted.named.template);
    let templates: BTreeSet<String> = wanted.iter().map(of).collect();
    let n_templates = templates.len();
    let templates: Vec<String> = templates.into_iter().take(MOST_NAMED).collect();
    let left = wanted.iter().filter_map(|wanted| wanted.left);
    let left: u64 = left.map(u64::from).sum();
    let mut apps = apps.into_iter();
    let subject = match (apps.next(), apps.next()) {
        (Some(app), None) => format!("app {app}"),
        (Some(_) | None, _) => "several apps".to_owned(),
    };
    Action {
        what: What::GrantsImport,
        subject,
        before: None,
        after: Some(facts([
            ("counts", wanted.len().into()),
            ("left_in_all", left.into()),
            ("n_templates", n_templates.into()),
            ("templates", templates.into()),
        ])),
        why: None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use wx_courier_core::grants::Key;
    use wx_courier_core::model::outcome::RecipientStyle;

    const OPENID: &str = "oABCD1234567890xyz";

    fn wanted(app: &str, template: &str, left: u32) -> Wanted {
        Wanted {
            named: Named {
                template: Arc::from(template),
                key: Key {
                    app: Arc::from(app),
                    openid: Arc::from(OPENID),
                    template_id: Arc::from("id"),
                },
            },
            left: Some(left),
        }
    }

    #[test]
    fn what_is_written_down_of_grants_names_no_user() {
        let show = |openid: &str| RecipientStyle::Masked.show(openid);
        let before = Line {
            template: Arc::from("order_completed"),
            template_id: Arc::from("id"),
            granted: 5,
            reserved: 0,
            used: 4,
            left: 1,
        };
        let one = setting(&[wanted("shop", "order_completed", 3)], Some(&before), show);
        assert_eq!(one.what, What::GrantsSet);
        assert_eq!(one.subject, "user oAB***xyz of app shop");
        assert_eq!(one.before.as_ref().unwrap()["left"], 1);
        assert_eq!(one.after.as_ref().unwrap()["left"], 3);

        let many: Vec<Wanted> = (0..100)
            .map(|n| wanted("shop", &format!("t{n:03}"), 2))
            .collect();
        let import = setting(&many, None, show);
        assert_eq!(import.what, What::GrantsImport);
        assert_eq!(import.subject, "app shop");
        let after = import.after.as_ref().unwrap();
        assert_eq!(
            (&after["counts"], &after["left_in_all"]),
            (&100.into(), &200.into())
        );
        assert_eq!(after["templates"].as_array().unwrap().len(), MOST_NAMED);
        let two = [wanted("shop", "a", 1), wanted("club", "a", 1)];
        assert_eq!(setting(&two, None, show).subject, "several apps");
        for action in [one, import] {
            assert!(!format!("{action:?}").contains(OPENID));
        }
    }
}
