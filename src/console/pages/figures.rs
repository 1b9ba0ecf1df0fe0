//! Small things that stand on several pages.

use maud::{Markup, html};

use super::look::Look;
use crate::console::words::reasons;

/// A status as a coloured word.
pub fn status(look: &Look, word: &str) -> Markup {
    let known = reasons::status(word);
    let class = known.map_or("other", |_| word);
    html! {
        span class=(format!("chip s-{class}")) title=(word) { (known.map_or(word, |both| look.say(both))) }
    }
}

/// A reason, with its word when the pointer rests on it.
pub fn reason(look: &Look, word: &str) -> Markup {
    let known = reasons::reason(word);
    html! { span.reason title=(word) { (known.map_or(word, |known| look.say(known.name))) } }
}

/// A text of an event, or of another system: cut for the eye, whole when the pointer rests on it, and never mixed up with what stands beside it.
pub fn foreign(text: &str, most: usize) -> Markup {
    let shown: String = text.chars().take(most).collect();
    let is_cut = shown.len() < text.len();
    let whole: String = text.chars().take(LONGEST_HOVER).collect();
    html! {
        bdi.foreign title=[is_cut.then_some(whole)] { (visible(&shown)) @if is_cut { "…" } }
    }
}

/// More is in no bubble.
const LONGEST_HOVER: usize = 500;

/// A text in which what turns or hides other text is seen: control and direction marks become their numbers.
pub fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            seen.extend(format!("‹U+{:04X}›", u32::from(c)).chars());
        } else {
            seen.push(c);
        }
    }
    seen
}

fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}');
    turns || (c.is_control() && c != '\n')
}

/// A text to be copied by a press.
pub fn copied(look: &Look, text: &str) -> Markup {
    html! {
        button.copy type="button" data-do="copy" data-copy=(text) title=(look.words().copy) aria-label=(look.words().copy) { span.copy-icon aria-hidden="true" {} }
    }
}

/// A row of names and values.
pub fn fact(name: &str, value: &Markup) -> Markup {
    html! { div.fact { dt { (name) } dd { (value) } } }
}

/// That there is nothing to be shown, and why that is well.
pub fn empty(said: &str) -> Markup {
    html! { p.empty { (said) } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::pages::look::tests::look;
    use crate::console::words::Language;

    #[test]
    fn texts_of_events_are_cut_and_shown_as_they_are() {
        let hostile = "<script>alert(1)</script>\u{202e}\u{0}";
        let shown = foreign(hostile, 100).into_string();
        assert!(!shown.contains("<script>"), "{shown}");
        assert!(shown.contains("‹U+202E›‹U+0000›"), "{shown}");
        let long = "长".repeat(60_000);
        let shown = foreign(&long, 40).into_string();
        assert!(shown.len() < 2_500, "{}", shown.len());
        assert!(shown.contains('…'));
    }

    #[test]
    fn a_status_of_a_later_version_is_shown_by_its_word() {
        let shown = status(&look(Language::Chinese), "postponed\"x").into_string();
        assert!(shown.contains("chip s-other") && shown.contains("postponed&quot;x"));
        let known = status(&look(Language::Chinese), "failed").into_string();
        assert!(
            known.contains("chip s-failed") && known.contains("失败"),
            "{known}"
        );
    }
}
