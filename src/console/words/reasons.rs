//! The words of the wire for people: statuses and reasons, what is paused and why, how a service and its tokens are, in what templates differ, and
//! what was changed. A word of a later version has no text here, and is shown as it is.

mod answered;
mod unmade;
mod unsent;

use super::Both;
use super::codes::both;

/// A reason, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// In two to six words.
    pub name: Both,
    /// In a sentence.
    pub means: Both,
}

/// How a message ended, in a word.
pub fn status(word: &str) -> Option<Both> {
    Some(match word {
        "sent" => both("已发送", "Sent"),
        "rejected" => both("被拒", "Rejected"),
        "invalid" => both("无效", "Invalid"),
        "skipped" => both("已跳过", "Skipped"),
        "expired" => both("已过期", "Expired"),
        "failed" => both("失败", "Failed"),
        "unknown" => both("不确定", "Unknown"),
        "unmatched" => both("无规则", "Unmatched"),
        _ => return None,
    })
}

/// Why a message ended so.
pub fn reason(word: &str) -> Option<&'static Known> {
    let mut all = REASONS.into_iter().flatten();
    let found = all.find(|(known, _)| *known == word);
    found.map(|(_, known)| known)
}

/// By the words of the wire, in the order of `Reason`.
const REASONS: [&[(&str, Known)]; 3] = [answered::REASONS, unmade::REASONS, unsent::REASONS];

/// Why something is paused.
pub fn pause_cause(word: &str) -> Option<Both> {
    Some(match word {
        "outage" => both("微信没有回应", "WeChat does not answer"),
        "minute_quota" => both(
            "这一分钟的次数用完（45011）",
            "This minute's calls are used up (45011)",
        ),
        "daily_quota" => both(
            "当天的额度用完（45009）",
            "The day's quota is used up (45009)",
        ),
        "api" => both("账号不能用这个接口", "The account may not use this API"),
        "template_changed" => both(
            "微信那边的模板改了",
            "WeChat has another version of the template",
        ),
        "template" => both("模板不存在或被封禁", "The template is unknown or banned"),
        "account" => both("账号有问题", "The account is at fault"),
        "refusal_wave" => both("一波 43101", "A wave of 43101"),
        "ban" => both("被微信封禁", "Banned by WeChat"),
        "breaker" => both("被拒太多，已熔断", "Too many refusals (breaker)"),
        "person" => both("人工暂停", "Paused by a person"),
        _ => return None,
    })
}

/// Where a service is in its life.
pub fn phase(word: &str) -> Option<Both> {
    Some(match word {
        "waiting_for_kafka" => both("在等 Kafka", "Waiting for Kafka"),
        "joining" => both("正在加入消费组", "Joining its group"),
        "running" => both("运行中", "Running"),
        "draining" => both("正在收尾", "Draining"),
        _ => return None,
    })
}

/// How it stands with an app's token.
pub fn token_state(word: &str) -> Option<Both> {
    Some(match word {
        "none" => both("还没有", "None yet"),
        "holding" => both("正常", "Good"),
        "failing" => both("取不到", "Cannot be fetched"),
        "refused" => both("被微信拒绝", "Refused by WeChat"),
        "invalidated_by_others" => both("被别的程序顶掉", "Ended by another program"),
        _ => return None,
    })
}

/// In what a template differs from `WeChat`'s.
pub fn drift(word: &str) -> Option<Both> {
    Some(match word {
        "gone" => both("微信没有这个模板", "Not at WeChat"),
        "kind" => both("一次性、长期不一致", "Another kind"),
        "type" => both("类型不认识", "Unknown type"),
        "params" => both("参数不同", "Other params"),
        "enums" => both("选项不同", "Other listed values"),
        "title" => both("标题不同", "Another title"),
        "labels" => both("参数名称或顺序不同", "Other labels or order"),
        "unreadable" => both("微信的条目读不懂", "WeChat's entry is unreadable"),
        _ => return None,
    })
}

/// What a person has changed.
pub fn audit(word: &str) -> Option<Both> {
    Some(match word {
        "reload" => both("重新读取规则", "Rules read again"),
        "pause" => both("暂停", "Paused"),
        "resume" => both("恢复", "Resumed"),
        "replay" => both("重放", "Replayed"),
        "grants_set" => both("修改授权次数", "Grants set"),
        "grants_import" => both("导入授权次数", "Grants imported"),
        "quota_clear" => both("清零额度", "Quota cleared"),
        "state_resume" => both("状态丢失后继续发送", "Sending resumed after lost state"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::{JsonSchema, schema_for};
    use wx_courier_core::catalog::drift::DriftKind;
    use wx_courier_core::model::outcome::{Reason, Status};
    use wx_courier_core::schedule::pauses::Cause;

    use super::*;
    use crate::console::words::codes::assert_both;
    use crate::edges::http::Phase;
    use crate::edges::wechat::TokenState;

    /// The words that the schema of outcomes lists.
    fn listed<T: JsonSchema>() -> Vec<String> {
        let schema = serde_json::to_value(schema_for!(T)).unwrap();
        let words = schema["oneOf"].as_array().unwrap().iter();
        words
            .map(|one| one["const"].as_str().unwrap().to_owned())
            .collect()
    }

    /// That each of these words has a text of its own, in both languages.
    fn assert_each(words: &[String], text_of: impl Fn(&str) -> Option<Both>) {
        let mut told = BTreeSet::new();
        for word in words {
            let text = text_of(word).unwrap_or_else(|| panic!("{word} has no text"));
            assert_both(word, text);
            assert!(told.insert(text.chinese), "{word}: {}", text.chinese);
            assert!(told.insert(text.english), "{word}: {}", text.english);
        }
        assert_eq!(text_of("of_a_later_version"), None);
    }

    #[test]
    fn every_status_and_reason_is_told() {
        assert_each(&listed::<Status>(), status);
        let reasons = listed::<Reason>();
        assert_each(&reasons, |word| Some(reason(word)?.name));
        assert_each(&reasons, |word| Some(reason(word)?.means));
        let all = || REASONS.into_iter().flatten();
        let known: Vec<&str> = all().map(|(word, _)| *word).collect();
        assert_eq!(known, reasons);
        for (word, Known { name, means }) in all() {
            let n_words = name.english.split(' ').count();
            assert!((2..=6).contains(&n_words), "{word}: {}", name.english);
            assert!(means.chinese.ends_with('。') && means.english.ends_with('.'));
        }
    }

    /// The cause after this one; a new cause has to take its place here.
    fn next_cause(cause: Cause) -> Option<Cause> {
        match cause {
            Cause::Outage => Some(Cause::MinuteQuota),
            Cause::MinuteQuota => Some(Cause::DailyQuota),
            Cause::DailyQuota => Some(Cause::Api),
            Cause::Api => Some(Cause::TemplateChanged),
            Cause::TemplateChanged => Some(Cause::Template),
            Cause::Template => Some(Cause::Account),
            Cause::Account => Some(Cause::RefusalWave),
            Cause::RefusalWave => Some(Cause::Ban),
            Cause::Ban => Some(Cause::Breaker),
            Cause::Breaker => Some(Cause::Person),
            Cause::Person => None,
        }
    }

    /// The phase after this one; a new phase has to take its place here.
    fn next_phase(phase: Phase) -> Option<Phase> {
        match phase {
            Phase::WaitingForKafka => Some(Phase::Joining),
            Phase::Joining => Some(Phase::Running),
            Phase::Running => Some(Phase::Draining),
            Phase::Draining => None,
        }
    }

    #[test]
    fn every_cause_of_a_pause_and_every_phase_is_told() {
        let causes = std::iter::successors(Some(Cause::Outage), |cause| next_cause(*cause));
        let causes: Vec<String> = causes.map(|cause| cause.as_str().to_owned()).collect();
        assert_eq!(causes.len(), 11);
        assert_each(&causes, pause_cause);
        let phases =
            std::iter::successors(Some(Phase::WaitingForKafka), |phase| next_phase(*phase));
        let phases = phases.map(|phase| serde_json::to_value(phase).unwrap());
        let phases: Vec<String> = phases
            .map(|word| word.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(phases.len(), 4);
        assert_each(&phases, phase);
    }

    #[test]
    fn every_state_of_tokens_every_drift_and_every_change_is_told() {
        assert_each(
            &TokenState::ALL.map(|state| state.as_str().to_owned()),
            token_state,
        );
        assert_each(&DriftKind::ALL.map(|kind| kind.as_str().to_owned()), drift);
        let changes = [
            "reload",
            "pause",
            "resume",
            "replay",
            "grants_set",
            "grants_import",
            "quota_clear",
            "state_resume",
        ];
        assert_each(&changes.map(str::to_owned), audit);
    }
}
