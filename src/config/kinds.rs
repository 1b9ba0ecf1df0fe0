//! What a key may say: how a value is taken, what is told where it is wrong, and how it is written.

use std::time::Duration;

use wx_courier_core::document::{Item, Node, Problems, Said, Section};
use wx_courier_core::model::Rate;

/// A key in the table that is being read, and where its mistakes are told.
pub(super) struct Place<'a> {
    pub(super) section: &'a mut Section,
    pub(super) problems: &'a mut Problems,
    pub(super) key: &'static str,
}

/// What a key may say.
pub(super) trait Kind {
    /// What it is once it is read.
    type Value;

    /// Takes the value, if it is there. What is wrong with it is told.
    fn take(&self, at: Place<'_>) -> Option<Said<Self::Value>>;

    /// The value for `check --settings`.
    fn show(&self, value: &Self::Value) -> String;

    /// The value as the file says it, as Markdown.
    fn written(&self, value: &Self::Value) -> String {
        format!("`{}`", self.show(value))
    }

    /// Type and bounds, as Markdown.
    fn expected(&self) -> String;
}

/// What is wrong with a text, and what to do.
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) help: String,
}

/// Any text that says something.
pub(super) struct Text;

impl Kind for Text {
    type Value = String;

    fn take(&self, at: Place<'_>) -> Option<Said<String>> {
        let said = at.section.take_string(at.problems, at.key)?;
        if said.value.trim().is_empty() {
            let problem = said.error(format!("`{}` is empty", at.key));
            at.problems.push(
                problem.help("write a value; a variable that is set to nothing says nothing"),
            );
            return None;
        }
        Some(said)
    }

    fn show(&self, value: &String) -> String {
        value.clone()
    }

    fn expected(&self) -> String {
        "text".to_owned()
    }
}

/// A text that means something.
pub(super) struct Parsed<T> {
    /// What it is, for the page.
    pub(super) what: &'static str,
    pub(super) read: fn(&str) -> Result<T, Mistake>,
    pub(super) show: fn(&T) -> String,
}

impl<T> Kind for Parsed<T> {
    type Value = T;

    fn take(&self, at: Place<'_>) -> Option<Said<T>> {
        let said = at.section.take_string(at.problems, at.key)?;
        match (self.read)(&said.value) {
            Ok(value) => Some(said.map(|_| value)),
            Err(mistake) => {
                at.problems
                    .push(said.error(mistake.message).help(mistake.help));
                None
            }
        }
    }

    fn show(&self, value: &T) -> String {
        (self.show)(value)
    }

    fn expected(&self) -> String {
        self.what.to_owned()
    }
}

/// A list of texts, or one.
pub(super) struct Texts {
    /// What they are, for the page.
    pub(super) what: &'static str,
    pub(super) check: fn(&str) -> Result<(), Mistake>,
}

impl Kind for Texts {
    type Value = Vec<String>;

    fn take(&self, at: Place<'_>) -> Option<Said<Vec<String>>> {
        let said = at.section.take_strings(at.problems, at.key)?;
        for text in &said.value {
            if let Err(mistake) = (self.check)(text) {
                at.problems
                    .push(said.error(mistake.message).help(mistake.help));
            }
        }
        Some(said)
    }

    fn show(&self, value: &Vec<String>) -> String {
        value.join(", ")
    }

    fn written(&self, value: &Vec<String>) -> String {
        format!("`{value:?}`")
    }

    fn expected(&self) -> String {
        self.what.to_owned()
    }
}

/// A whole number from the first to the second.
pub(super) struct Count(pub(super) i64, pub(super) i64);

impl Kind for Count {
    type Value = usize;

    fn take(&self, at: Place<'_>) -> Option<Said<usize>> {
        let said = at
            .section
            .take_integer(at.problems, at.key, self.0, self.1)?;
        Some(said.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
    }

    fn show(&self, value: &usize) -> String {
        value.to_string()
    }

    fn expected(&self) -> String {
        format!("{} to {}", self.0, self.1)
    }
}

/// A part of the whole: above zero, to one.
pub(super) struct Share;

impl Kind for Share {
    type Value = f64;

    fn take(&self, at: Place<'_>) -> Option<Said<f64>> {
        let said = at.section.take_positive(at.problems, at.key)?;
        if said.value <= 1.0 {
            return Some(said);
        }
        let problem = said.error(format!("{} is more than all", said.value));
        at.problems
            .push(problem.help("expected a share, like 0.5 for every second answer"));
        None
    }

    fn show(&self, value: &f64) -> String {
        value.to_string()
    }

    fn expected(&self) -> String {
        "above 0, to 1".to_owned()
    }
}

/// A length of time.
pub(super) enum Length {
    /// Any above zero.
    Any,
    /// From the first to the second.
    Between(Duration, Duration),
}

impl Kind for Length {
    type Value = Duration;

    fn take(&self, at: Place<'_>) -> Option<Said<Duration>> {
        let said = at.section.take_duration(at.problems, at.key)?;
        match self {
            Self::Between(least, most) if !(least..=most).contains(&&said.value) => {
                let problem = said.error(format!("{:?} is out of range", said.value));
                at.problems.push(problem.help(format!(
                    "expected a length of time from \"{}\" to \"{}\"",
                    in_one_unit(*least),
                    in_one_unit(*most)
                )));
                None
            }
            Self::Any | Self::Between(..) => Some(said),
        }
    }

    fn show(&self, value: &Duration) -> String {
        format!("{value:?}")
    }

    fn written(&self, value: &Duration) -> String {
        format!("`{}`", in_one_unit(*value))
    }

    fn expected(&self) -> String {
        match self {
            Self::Any => "length of time".to_owned(),
            Self::Between(least, most) => {
                format!("`{}` to `{}`", in_one_unit(*least), in_one_unit(*most))
            }
        }
    }
}

/// `3d` and not 259200 seconds: the largest unit in which it is a whole number.
fn in_one_unit(length: Duration) -> String {
    let milliseconds = length.as_millis();
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
    ];
    let fitting = units
        .iter()
        .find(|(_, size)| milliseconds.is_multiple_of(*size));
    let (unit, size) = fitting.unwrap_or(&("ms", 1));
    format!("{}{unit}", milliseconds / size)
}

/// One word of a closed set.
pub(super) struct Words<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Kind for Words<T> {
    type Value = T;

    fn take(&self, at: Place<'_>) -> Option<Said<T>> {
        at.section.take_choice(at.problems, at.key, self.0)
    }

    fn show(&self, value: &T) -> String {
        let found = self.0.iter().find(|(_, known)| known == value);
        found.map_or_else(String::new, |(word, _)| (*word).to_owned())
    }

    fn expected(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(word, _)| format!("`{word}`")).collect();
        words.join(", ")
    }
}

/// `{ per_second = 50, burst = 1 }`
pub(super) struct RateTable;

impl Kind for RateTable {
    type Value = Rate;

    fn take(&self, at: Place<'_>) -> Option<Said<Rate>> {
        let said = at.section.take(at.key)?;
        // A table may be put together from several layers: the number is what the operator will look for.
        let number = if let Item::Table(table) = &said.value.item {
            table.get("per_second")
        } else {
            None
        };
        let origin = number.map_or(said.origin, |node| node.origin.clone());
        let table = Section::new(at.problems, said.key.clone(), said.value);
        let value = Rate::read(at.problems, table)?;
        Some(Said {
            value,
            origin,
            key: said.key,
        })
    }

    fn show(&self, rate: &Rate) -> String {
        format!("{} a second, burst {}", rate.per_second, rate.burst)
    }

    fn written(&self, rate: &Rate) -> String {
        let Rate { per_second, burst } = rate;
        format!("`{{ per_second = {per_second}, burst = {burst} }}`")
    }

    fn expected(&self) -> String {
        let most = Rate::MOST_BURST;
        format!("`per_second` above 0, `burst` 1 to {most}")
    }
}

/// Whatever was said; the reader looks into it. With the words for the page.
pub(super) struct Raw(pub(super) &'static str);

impl Kind for Raw {
    type Value = Node;

    fn take(&self, at: Place<'_>) -> Option<Said<Node>> {
        at.section.take(at.key)
    }

    /// It may hold secrets.
    fn show(&self, _value: &Node) -> String {
        "(hidden)".to_owned()
    }

    fn expected(&self) -> String {
        self.0.to_owned()
    }
}
