//! The rule file that is proposed.

use super::toml_text::{inline, quoted};
use super::{Confidence, Guess, OPEN};
use crate::catalog::Template;
use crate::event::Event;

pub(super) fn written(
    template: &Template,
    event: &Event,
    data: &serde_json::Value,
    guesses: &[Guess],
) -> String {
    let mut file = format!(
        "# {}, proposed from the template and one sample event. Each value says why it was guessed: look at all of them.\n",
        on_one_line(template.title.as_deref().unwrap_or(&template.name))
    );
    if guesses
        .iter()
        .any(|guess| guess.confidence == Confidence::Open)
    {
        file += "# What is still to be written says TODO: `wx-courier check` fails until then.\n";
    }
    file += "\n";
    file += &line("on", &quoted(&event.kind), "the type of the sample event");
    file += &line("app", &quoted(&template.app), "");
    file += &line("template", &quoted(&template.name), "");
    for guess in guesses
        .iter()
        .filter(|guess| !guess.key.starts_with(PARAMS))
    {
        file += &line(&guess.key, &value_of(guess), &remark(guess));
    }
    file += "# page   = \"pages/index/index\"    # the page of the mini program that a tap opens; behind every value in it, write `| urlencode`\n";
    file += "\n[params]\n";
    let params: Vec<(&str, String, String)> = guesses
        .iter()
        .filter_map(|guess| {
            Some((
                guess.key.strip_prefix(PARAMS)?,
                value_of(guess),
                remark(guess),
            ))
        })
        .collect();
    let width = params
        .iter()
        .map(|(name, ..)| name.len())
        .max()
        .unwrap_or_default();
    for (name, value, why) in &params {
        file += "# ";
        file += &on_one_line(why);
        file += "\n";
        file += &line_of(name, width, value);
        file += "\n";
    }
    file + &test(event, data, guesses)
}

/// What the keys of `[params]` begin with.
const PARAMS: &str = "params.";
const WIDTH_OF_KEYS: usize = "template".len();

/// A key with its value, and the reason behind it.
fn line(key: &str, value: &str, why: &str) -> String {
    let line = line_of(key, WIDTH_OF_KEYS, value);
    if why.is_empty() {
        return line + "\n";
    }
    format!("{line}    # {}\n", on_one_line(why))
}

fn line_of(key: &str, width: usize, value: &str) -> String {
    format!("{key:width$} = {value}")
}

fn value_of(guess: &Guess) -> String {
    quoted(guess.source.as_deref().unwrap_or(OPEN))
}

fn remark(guess: &Guess) -> String {
    let label = guess
        .label
        .as_ref()
        .map(|label| format!("{label}: "))
        .unwrap_or_default();
    let mark = match guess.confidence {
        Confidence::Sure => "",
        Confidence::Doubtful => "look: ",
        Confidence::Open => "TODO: ",
    };
    format!("{label}{mark}{}", guess.why)
}

fn on_one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// The sample as a test: what the rule gives today is what it shall give tomorrow.
fn test(event: &Event, data: &serde_json::Value, guesses: &[Guess]) -> String {
    let mut said = vec![
        format!("type = {}", quoted(&event.kind)),
        format!("time = {}", quoted(&event.time)),
    ];
    said.extend(
        event
            .subject
            .as_deref()
            .map(|subject| format!("subject = {}", quoted(subject))),
    );
    said.extend(inline(data).map(|data| format!("data = {data}")));
    let expect: Vec<String> = guesses
        .iter()
        .filter_map(|guess| {
            let name = guess.key.strip_prefix(PARAMS)?;
            Some(format!("{name} = {}", quoted(guess.value.as_deref()?)))
        })
        .collect();
    let to = guesses.iter().find(|guess| guess.key == "to");
    let to = to.and_then(|guess| guess.value.as_deref());
    let to = to
        .map(|to| format!("expect_to = {}\n", quoted(to)))
        .unwrap_or_default();
    format!(
        "\n# The sample event, as it was given. Take out of it what is personal before others read this file.\n[[tests]]\nname   = \"the sample event\"\nevent  = {{ {} }}\nexpect = {{ {} }}\n{to}",
        said.join(", "),
        expect.join(", ")
    )
}
