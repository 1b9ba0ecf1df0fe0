//! Every text of the pages, in both languages, side by side: one place to read them, and none that lacks one.

mod catalog;
pub mod codes;
pub mod reasons;

pub use catalog::{ALL, Words};

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// 简体中文
    Chinese,
    /// English
    English,
}

/// A text in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both {
    /// 简体中文
    pub chinese: &'static str,
    /// English
    pub english: &'static str,
}

impl Both {
    /// The text in one of them.
    pub fn in_language(self, language: Language) -> &'static str {
        match language {
            Language::Chinese => self.chinese,
            Language::English => self.english,
        }
    }
}

impl Language {
    /// The first part of the address of a page in it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// The language of a page whose address begins with this; `None` if it is none of ours.
    pub fn of_path(path: &str) -> Option<Self> {
        let mut all = [Self::Chinese, Self::English].into_iter();
        all.find(|language| language.path() == path)
    }

    /// The tag for browsers.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Chinese => Self::English,
            Self::English => Self::Chinese,
        }
    }

    /// Its name, in itself.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chinese => "中文",
            Self::English => "English",
        }
    }

    /// The language that a browser asks for first, of these two.
    pub fn of_accept_language(said: &str) -> Self {
        let mut tags = said.split(',').map(|tag| tag.trim().to_ascii_lowercase());
        let first = tags.find(|tag| tag.starts_with("zh") || tag.starts_with("en"));
        match first {
            Some(tag) if tag.starts_with("en") => Self::English,
            Some(_) | None => Self::Chinese,
        }
    }

    /// The texts in it.
    pub fn words(self) -> &'static Words {
        match self {
            Self::Chinese => &catalog::CHINESE,
            Self::English => &catalog::ENGLISH,
        }
    }
}

/// Puts values into the places `{0}`, `{1}` … of a text. A value that looks like a place stays as it is.
pub fn fill(text: &str, values: &[&str]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}');
        let index = place.and_then(|(index, _)| index.parse::<usize>().ok());
        let value = index.and_then(|index| values.get(index));
        rest = if let (Some((_, behind)), Some(value)) = (place, value) {
            filled.push_str(value);
            behind
        } else {
            filled.push('{');
            after
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<String> {
        let indexes = (0..4).map(|index| format!("{{{index}}}"));
        indexes.filter(|place| text.contains(place)).collect()
    }

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
    }

    #[test]
    fn every_text_is_there_in_both_languages_and_takes_the_same_values() {
        let names = ["rid", "msgid", "CSV", "errcode"];
        for (name, both) in ALL {
            assert!(!both.chinese.trim().is_empty(), "{name}");
            assert!(!both.english.trim().is_empty(), "{name}");
            assert_eq!(places(both.chinese), places(both.english), "{name}");
            assert!(!is_chinese(both.english), "{name}: {}", both.english);
            let same = names.contains(&both.english) || both.chinese.starts_with('{');
            assert!(same || is_chinese(both.chinese), "{name}: {}", both.chinese);
        }
        assert!(ALL.len() > 100);
    }

    #[test]
    fn the_first_known_language_of_the_browser_counts() {
        for (said, language) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-US,en;q=0.5", Language::English),
            ("de, en", Language::English),
            ("", Language::Chinese),
        ] {
            assert_eq!(Language::of_accept_language(said), language, "{said}");
        }
    }

    #[test]
    fn values_stand_where_the_text_wants_them() {
        assert_eq!(fill("{1} of {0}", &["10", "3"]), "3 of 10");
        assert_eq!(fill("{0} {1} {x} {", &["{1}"]), "{1} {1} {x} {");
    }
}
