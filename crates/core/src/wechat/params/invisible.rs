//! Characters that show nothing, or turn the direction of what stands around them.
//!
//! A person who looks at a value does not see them: a value that looks right is refused, or is another one, or shows its letters in another
//! order than it has. They come from copied text more often than from malice. In a few places they belong to a character that is seen, as
//! in many emoji and in the scripts of India and Arabia: there they stay.

/// Whether a character shows nothing of its own, wherever it stands.
pub(crate) fn is_invisible(c: char) -> bool {
    // Nearly every character is one of these, and the rest need not be looked through.
    if c.is_ascii() || matches!(c, '\u{3000}'..='\u{3163}' | '\u{3165}'..='\u{FDFF}') {
        return false;
    }
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A value without them, but for those that belong to the character before them.
pub(crate) fn without_invisible(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if !is_invisible(c) || belongs(kept.chars().next_back(), c, rest.clone().next()) {
            kept.push(c);
        }
    }
    kept
}

/// Whether an invisible character is a part of what is seen between these two.
fn belongs(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else {
        return false;
    };
    match c {
        // The joiners: families and flags of emoji, and the shapes of letters.
        '\u{200C}' | '\u{200D}' => {
            joins(before) && after.is_some_and(|after| joins(after) && !is_invisible(after))
        }
        // As a picture or as text: of an emoji, or of a key such as 1️⃣.
        '\u{FE0E}' | '\u{FE0F}' => {
            is_pictograph(before)
                || (matches!(before, '0'..='9' | '#' | '*') && after == Some('\u{20E3}'))
        }
        // A form of a Han character, as it is written in a person's name.
        '\u{FE00}'..='\u{FE0D}' | '\u{E0100}'..='\u{E01EF}' => super::is_han(before),
        // A form of a Mongolian letter.
        '\u{180B}'..='\u{180F}' => matches!(before, '\u{1800}'..='\u{18AF}'),
        // The flags of England, Scotland and Wales.
        '\u{E0020}'..='\u{E007F}' => matches!(before, '\u{1F3F4}' | '\u{E0020}'..='\u{E007E}'),
        _ => false,
    }
}

/// Whether a joiner beside it changes what is seen.
fn joins(c: char) -> bool {
    is_pictograph(c)
        || matches!(c,
            // With their marks: Arabic and its neighbours, the scripts of India, of South East Asia, Mongolian.
            '\u{600}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1A20}'..='\u{1CFF}'
            | '\u{A840}'..='\u{ABFF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{11000}'..='\u{11FFF}'
            // What says how an emoji is shown stands between it and the joiner.
            | '\u{FE0F}')
}

fn is_pictograph(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{2BFF}'
        | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use super::super::normalise;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_shows_nothing_goes() {
        for c in [
            '\u{200B}',
            '\u{200C}',
            '\u{200D}',
            '\u{200E}',
            '\u{200F}',
            '\u{202A}',
            '\u{202E}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{FEFF}',
            '\u{AD}',
            '\u{61C}',
            '\u{34F}',
            '\u{3164}',
            '\u{FE0F}',
            '\u{180E}',
            '\u{E0041}',
            '\u{E0101}',
            '\u{FFF9}',
        ] {
            assert!(is_invisible(c), "{c:?}");
            assert_eq!(normalise(&format!("SF{c}10{c}")), "SF10", "{c:?}");
        }
        assert_eq!(normalise("\u{FEFF} 拿铁\u{200B} "), "拿铁");
        assert_eq!(normalise("\u{202E}00.821￥"), "00.821￥");
        assert_eq!(normalise("\u{200B}\u{200D}"), "");
    }

    #[test]
    fn what_belongs_to_a_character_stays() {
        for text in [
            "👨‍👩‍👧‍👦 家庭",
            "❤️‍🔥",
            "🏳️‍🌈",
            "👩🏽‍💻",
            "☎️ 1️⃣ #️⃣",
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            // Persian, with the letters not joined; Hindi; Sinhala.
            "می\u{200C}خواهم",
            "क्\u{200D}ष",
            "ශ්\u{200D}රී",
            // A Han character in the form of a name.
            "葛\u{E0100}城",
            "ᠠ\u{180B}",
        ] {
            assert_eq!(normalise(text), text, "{text:?}");
        }
    }

    #[test]
    fn a_joiner_without_a_partner_goes() {
        assert_eq!(normalise("👨\u{200D}"), "👨");
        assert_eq!(normalise("👨\u{200D}家"), "👨家");
        assert_eq!(normalise("می\u{200C}\u{202E}"), "می");
        assert_eq!(normalise("1\u{FE0F}"), "1");
    }

    proptest! {
        #[test]
        fn nothing_seen_is_lost_and_a_second_look_changes_nothing(text in "\\PC{0,40}|[\\u{200b}-\\u{200f}a家👨م]{0,20}") {
            let once = without_invisible(&text);
            let seen = |text: &str| text.chars().filter(|c| !is_invisible(*c)).collect::<String>();
            prop_assert_eq!(seen(&once), seen(&text));
            prop_assert_eq!(without_invisible(&once), once);
        }
    }
}
