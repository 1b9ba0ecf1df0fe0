//! What a first configuration needs to know: from flags, from a person at a terminal, or from defaults.

use std::fmt;

use crate::cli::ask::{self, Asked};

/// What is written into the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) brokers: String,
    pub(super) topic: String,
    pub(super) group: String,
    pub(super) app: String,
    pub(super) appid: String,
    pub(super) secret: SecretSource,
    pub(super) event: String,
}

/// Where the AppSecret comes from. It is never asked for, and never written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SecretSource {
    /// The variable of the setting.
    Variable,
    /// A file, by its path.
    File(String),
}

/// What was said by flags.
#[derive(clap::Args)]
pub(super) struct Flags {
    /// Kafka's brokers: HOST:PORT, several with commas
    #[arg(long, value_name = "HOSTS", value_parser = some_text)]
    brokers: Option<String>,
    /// The topic on which your services publish events
    #[arg(long, value_name = "NAME", value_parser = some_text)]
    topic: Option<String>,
    /// The consumer group of the service
    #[arg(long, value_name = "NAME", value_parser = some_text)]
    group: Option<String>,
    /// A name for the mini program, as rules shall use it
    #[arg(long, value_name = "NAME", value_parser = app_name)]
    app: Option<String>,
    /// The mini program's appid
    #[arg(long, value_name = "ID", value_parser = some_text)]
    appid: Option<String>,
    /// The file that holds the AppSecret, or will; a relative path begins at the folder. Without it, a variable says the secret
    #[arg(long, value_name = "FILE", value_parser = some_text)]
    secret_file: Option<String>,
    /// The type of the first event that shall become a message
    #[arg(long, value_name = "TYPE", value_parser = event_type)]
    event: Option<String>,
}

/// Whether a person is asked for what no flag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Ask,
    Defaults,
}

/// One thing to know.
struct Question {
    text: &'static str,
    default: &'static str,
    check: fn(&str) -> Result<String, String>,
}

const BROKERS: Question = Question {
    text: "Kafka's brokers",
    default: "localhost:9092",
    check: some_text,
};
const TOPIC: Question = Question {
    text: "Topic of your events",
    default: "order-events",
    check: some_text,
};
const GROUP: Question = Question {
    text: "Consumer group",
    default: "wx-courier",
    check: some_text,
};
const APP: Question = Question {
    text: "A name for the mini program",
    default: "shop",
    check: app_name,
};
/// What the sandbox knows after this default is an app like any other.
const APPID: Question = Question {
    text: "Its appid (the default is for the sandbox)",
    default: "wx0123456789abcdef",
    check: some_text,
};
const SECRET_FILE: Question = Question {
    text: "File for its AppSecret, from that folder on (- for a variable)",
    default: "-",
    check: some_text,
};
const EVENT: Question = Question {
    text: "Type of the first event that shall become a message",
    default: "order.completed",
    check: event_type,
};

impl Flags {
    /// All answers; none if the person has ended the process instead.
    pub(super) async fn complete(&self, manner: Manner) -> anyhow::Result<Option<Answers>> {
        let each = [
            (&BROKERS, &self.brokers),
            (&TOPIC, &self.topic),
            (&GROUP, &self.group),
            (&APP, &self.app),
            (&APPID, &self.appid),
            (&SECRET_FILE, &self.secret_file),
            (&EVENT, &self.event),
        ];
        let mut found = Vec::new();
        for (question, said) in each {
            let answer = match (said, manner) {
                (Some(said), _) => said.clone(),
                (None, Manner::Defaults) => question.default.to_owned(),
                (None, Manner::Ask) => match question.ask().await? {
                    Some(answer) => answer,
                    None => return Ok(None),
                },
            };
            found.push(answer);
        }
        let Ok([brokers, topic, group, app, appid, secret_file, event]) =
            <[String; 7]>::try_from(found)
        else {
            return Ok(None);
        };
        let secret = match secret_file.as_str() {
            "-" => SecretSource::Variable,
            _ => SecretSource::File(secret_file),
        };
        Ok(Some(Answers {
            brokers,
            topic,
            group,
            app,
            appid,
            secret,
            event,
        }))
    }
}

impl Question {
    /// Asks until the answer can be used; none if the person has ended the process.
    async fn ask(&self) -> anyhow::Result<Option<String>> {
        loop {
            let line = match ask::answer(format_args!("{self}")).await? {
                Asked::Line(line) => line,
                Asked::Ended | Asked::NoTerminal => return Ok(None),
            };
            if line.is_empty() {
                return Ok(Some(self.default.to_owned()));
            }
            match (self.check)(&line) {
                Ok(answer) => return Ok(Some(answer)),
                Err(why) => crate::cli::complain(format_args!("  {why}")),
            }
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]: ", self.text, self.default)
    }
}

impl Answers {
    /// The variable that says the secret where no file holds it.
    pub(super) fn secret_variable(&self) -> String {
        format!("WX_COURIER__APPS__{}__SECRET", self.app.to_uppercase())
    }

    /// The rule's name, made of the event's type: `order-completed`.
    pub(super) fn rule_name(&self) -> String {
        let lower = self.event.to_lowercase();
        let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            "first-rule".to_owned()
        } else {
            words.join("-")
        }
    }
}

fn some_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("expected a value".to_owned());
    }
    Ok(text.to_owned())
}

fn app_name(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !text.contains("__");
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("expected a name of a-z, 0-9 and single `_` that begins with a letter, such as shop: a variable can name it, too".to_owned())
    }
}

fn event_type(text: &str) -> Result<String, String> {
    let text = some_text(text)?;
    let stray = text
        .chars()
        .find(|c| c.is_whitespace() || "*[](){}?+|^$\\".contains(*c));
    match stray {
        Some(stray) => Err(format!(
            "expected one type of events, such as order.completed, without `{stray}`"
        )),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_after_its_event() {
        let named = |event: &str| {
            let answers = Answers {
                brokers: String::new(),
                topic: String::new(),
                group: String::new(),
                app: "my_shop".to_owned(),
                appid: String::new(),
                secret: SecretSource::Variable,
                event: event.to_owned(),
            };
            assert_eq!(
                answers.secret_variable(),
                "WX_COURIER__APPS__MY_SHOP__SECRET"
            );
            answers.rule_name()
        };
        assert_eq!(named("order.completed"), "order-completed");
        assert_eq!(named("com.example/Order_Paid"), "com-example-order-paid");
        assert_eq!(named("订单完成"), "first-rule");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_an_example() {
        assert!(app_name("shop_2").is_ok());
        for wrong in ["", "2shop", "Shop", "my-shop", "a__b", "店"] {
            assert!(app_name(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", " ", "order.*", "a b"] {
            assert!(event_type(wrong).is_err(), "{wrong}");
        }
    }
}
