//! `[templates]`: how the service keeps an eye on the templates.

use super::{Reader, word_of};
use wx_courier_core::catalog::drift::Comparison;
use wx_courier_core::document::Section;

impl Reader<'_> {
    pub(super) fn templates(&mut self, top: &mut Section) -> Comparison {
        let mut section = self.section(top, "templates");
        let words = [("daily", Comparison::Daily), ("off", Comparison::Off)];
        let compare = section.take_choice(self.problems, "compare", &words);
        let compare = self.or_default(compare, "templates.compare", Comparison::Daily, |word| {
            word_of(&words, word)
        });
        section.finish(self.problems);
        compare
    }
}
