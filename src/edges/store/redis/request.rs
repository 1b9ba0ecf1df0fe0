//! A request as the script reads it: its keys, its kind, and what belongs to the kind, in the order in which the script takes them.

use redis::ScriptInvocation;

use wx_courier_core::grants::{self, Without};
use wx_courier_core::model::Holder;
use wx_courier_core::model::outcome::Outcome;
use wx_courier_core::state::{Claim, Request, Settlement, Unreadable, counts_as_sent};
use wx_courier_core::wechat::logins;
use wx_courier_core::wechat::receipts::{self, Receipts};

/// A call of the script that is being put together.
pub(super) struct Call<'a, 'b> {
    pub(super) invocation: &'a mut ScriptInvocation<'b>,
    /// What all keys begin with.
    pub(super) prefix: &'a str,
}

impl Call<'_, '_> {
    /// Puts a request behind those that are there. `junk` is what lies in place of its outcome, if that cannot be read and may be replaced.
    pub(super) fn put(&mut self, request: &Request, junk: &[u8]) -> anyhow::Result<()> {
        match request {
            Request::Claim(claim) => self.put_claim(claim, junk),
            Request::Release {
                message_id,
                holder,
                grant,
            } => {
                self.arg("release").key("claim", message_id);
                self.arg(&holder.to_string());
                match grant {
                    Some(key) => self.arg("grant").ledger(key).arg(message_id),
                    None => self.arg(""),
                };
            }
            Request::Settle(settlement) => self.put_settlement(settlement, junk)?,
            Request::Grant(question) => self.put_grant(question),
            Request::Login(question) => self.put_login(question),
            Request::Receipt(question) => self.put_receipt(question),
        }
        Ok(())
    }

    fn put_claim(&mut self, claim: &Claim, junk: &[u8]) {
        self.arg("claim").key("claim", &claim.message_id);
        self.key("outcome", &claim.outcome_id);
        self.arg(&claim.outcome_id).holder(Some(claim.holder));
        self.holder(claim.over).time(claim.now_ms);
        self.unreadable(claim.unreadable, junk);
        match &claim.grant {
            Some(wish) => {
                self.arg("grant").ledger(&wish.key);
                self.arg(&claim.message_id).arg(match wish.without {
                    Without::Send => "send",
                    Without::Skip => "skip",
                })
            }
            None => self.arg(""),
        };
    }

    fn put_settlement(&mut self, settlement: &Settlement, junk: &[u8]) -> anyhow::Result<()> {
        let outcome: &Outcome = &settlement.outcome;
        let number = match settlement.receipts {
            Receipts::Expected => receipts::Key::of(outcome),
            Receipts::None => None,
        };
        self.arg("settle").key("claim", &outcome.message_id);
        self.key("outcome", &outcome.id);
        self.arg(&outcome.id).holder(settlement.holder);
        self.time(settlement.now_ms);
        self.arg(if counts_as_sent(outcome.status) {
            "sent"
        } else {
            "not sent"
        });
        self.arg(&serde_json::to_string(outcome)?);
        self.unreadable(settlement.unreadable, junk);
        self.arg(match (&settlement.grant, &number) {
            (Some(_), Some(_)) => "grant number",
            (Some(_), None) => "grant",
            (None, Some(_)) => "number",
            (None, None) => "",
        });
        if let Some(key) = &settlement.grant {
            self.ledger(key).arg(&outcome.message_id);
            match settlement.refused_ms() {
                Some(refused_ms) => self.time(refused_ms),
                None => self.arg(""),
            };
        }
        if let Some(number) = &number {
            self.key("number", &number.to_string());
        }
        Ok(())
    }

    fn put_grant(&mut self, question: &grants::Question) {
        match question {
            grants::Question::Report(report) => {
                self.arg("report").key("mark", &report.mark());
                self.ledger(&report.key);
                self.arg(report.word.as_str()).arg(report.source.as_str());
                self.time(report.at_ms).time(report.now_ms);
            }
            grants::Question::Look { key, now_ms } => {
                self.arg("look").ledger(key).time(*now_ms);
            }
            grants::Question::Set { key, left, now_ms } => {
                self.arg("set").ledger(key).time(*now_ms);
                self.arg(&left.to_string());
            }
        }
    }

    fn put_login(&mut self, question: &logins::Question) {
        match question {
            logins::Question::Keep {
                name,
                openid,
                now_ms,
                until_ms,
            } => {
                self.arg("keep").key("outcome", name);
                self.arg(openid).time(*until_ms).time(*now_ms);
            }
            logins::Question::Recall {
                name,
                message_id,
                now_ms,
            } => {
                self.arg("recall").key("outcome", name);
                self.time(*now_ms);
                match message_id {
                    Some(id) => self.arg("message").key("claim", id),
                    None => self.arg(""),
                };
            }
        }
    }

    fn put_receipt(&mut self, question: &receipts::Question) {
        let key = question.key();
        match question {
            receipts::Question::Join { .. } => {
                self.arg("join").key("mark", &key.mark());
                self.key("number", &key.to_string());
            }
            receipts::Question::Done { .. } => {
                self.arg("done").key("mark", &key.mark());
            }
        }
    }

    fn key(&mut self, kind: &str, name: &str) -> &mut Self {
        self.invocation.key(key(self.prefix, kind, name));
        self
    }

    fn unreadable(&mut self, unreadable: Unreadable, junk: &[u8]) {
        self.arg(match unreadable {
            Unreadable::Tell => "",
            Unreadable::Replace => "replace",
        });
        self.invocation.arg(junk);
    }

    fn ledger(&mut self, key: &grants::Key) -> &mut Self {
        self.key("grant", &key.to_string())
    }

    fn arg(&mut self, text: &str) -> &mut Self {
        self.invocation.arg(text);
        self
    }

    fn time(&mut self, unix_ms: i64) -> &mut Self {
        self.invocation.arg(unix_ms);
        self
    }

    fn holder(&mut self, holder: Option<Holder>) -> &mut Self {
        self.arg(&holder.map_or_else(String::new, |holder| holder.to_string()))
    }
}

/// The key of an entry.
pub(super) fn key(prefix: &str, kind: &str, name: &str) -> String {
    format!("{prefix}:{kind}:{name}")
}
