//! What a customer would see of a rule and no author means: told where it is written, before the first event.

use super::Reader;
use crate::document::{Problem, Said};
use crate::message::{Leftover, Sight, check_openid, leftovers};
use crate::rules::currency::{Currency, currency};
use crate::rules::emptiness::{Alone, alone};
use crate::rules::fixed::parts;
use crate::rules::inspect::Tables;
use crate::rules::template::Text;
use crate::wechat::params::ParamKind;

impl Reader<'_> {
    /// Tells of what is left over in a text that is always the same, or in the fixed parts of a template. `name` is that of the value.
    pub(super) fn look_at_text(
        &mut self,
        name: &str,
        said: &Said<String>,
        text: &Text,
        sight: Sight,
        tables: &Tables,
    ) {
        if let Text::Literal(literal) = text {
            for leftover in leftovers(sight, literal) {
                self.tell(name, said, 1, &leftover);
            }
            return;
        }
        for part in parts(&said.value) {
            let sight = match sight {
                Sight::Text | Sight::Part => Sight::Part,
                Sight::Address => Sight::Address,
            };
            for leftover in leftovers(sight, &part.text) {
                self.tell(name, said, part.line, &leftover);
            }
        }
        match sight {
            Sight::Text | Sight::Part => self.look_for_empty(said, tables),
            // `a?id=` is an address, with or without what follows.
            Sight::Address => {}
        }
    }

    fn tell(&mut self, name: &str, said: &Said<String>, line: u32, leftover: &Leftover) {
        let message = leftover.to_string();
        if self.told.contains(&(name.to_owned(), message.clone())) {
            return;
        }
        let mut problem = said.warning(message.clone()).help(leftover.help());
        problem.line = self.line_of(said, line);
        self.problems.push(problem);
        self.note_told(name, message);
    }

    /// Remembers a sentence, so that the tests of the rule do not tell it once more.
    pub(super) fn note_told(&mut self, name: &str, sentence: String) {
        self.told.insert((name.to_owned(), sentence));
    }

    fn look_for_empty(&mut self, said: &Said<String>, tables: &Tables) {
        for (what, line) in alone(&said.value, tables) {
            let problem = match what {
                Alone::Label(label) => said
                    .warning(format!("`{label}` may stand alone: what follows may be empty"))
                    .help("put the label into the condition: {% if data.shop %}门店：{{ data.shop }}{% endif %}; or let `default` give a text"),
                Alone::Suffix => said
                    .warning("the suffix of `fit` may stand alone: the text before it may be empty")
                    .help("let `default` give a text: {{ data.name | default('商品') | fit(suffix=' 等') }}; or put it into a condition: {% if data.name %}…{% endif %}"),
            };
            let line = self.line_of(said, line);
            self.problems.push(Problem { line, ..problem });
        }
    }

    /// Tells where an amount has no currency, or has two.
    pub(super) fn look_at_amount(&mut self, name: &str, said: &Said<String>) {
        const HELP: &str =
            "write ￥{{ data.price }} for yuan, or {{ data.amount_fen | yuan }} for whole fen";
        match currency(&said.value) {
            Currency::There => {}
            Currency::Doubled => {
                let problem = said.error(
                    "WeChat would refuse this value: `yuan` writes a currency symbol, and there is one before it",
                );
                self.problems.push(problem.help(
                    "take one of them out, or write {{ data.amount_fen | yuan(symbol='') }}",
                ));
            }
            Currency::Missing => {
                // As the doubt of a value says it that comes of this.
                if let Some(doubt) = ParamKind::Amount.doubt("0") {
                    self.problems.push(said.warning(doubt.clone()).help(HELP));
                    self.note_told(name, doubt);
                }
            }
            // A test shows what comes of it.
            Currency::OfTheEvent if self.has_tests => {}
            Currency::OfTheEvent => {
                let problem =
                    said.warning("the amount has a currency symbol only if the event brings one");
                self.problems.push(problem.help(HELP));
            }
        }
    }

    /// A recipient that is always the same is a slip: most likely braces are missing.
    pub(super) fn look_at_recipient(&mut self, said: &Said<String>, text: &Text) {
        let Text::Literal(literal) = text else { return };
        if let Err(why) = check_openid(literal) {
            let problem = said.error(format!("this would fail with every event: {why}"));
            self.problems.push(
                problem.help("the openid is a value of the event: to = \"{{ data.openid }}\""),
            );
        }
    }

    /// A login code is good once.
    pub(super) fn look_at_code(&mut self, said: &Said<String>, text: &Text) {
        if matches!(text, Text::Literal(_)) {
            let problem =
                said.error("this is the same for every event, and a login code is good once");
            self.problems.push(problem.help(
                "the code is a value of the event: to = { js_code = \"{{ data.js_code }}\" }",
            ));
        }
    }

    /// What names a message is another value for each event.
    pub(super) fn dedupe(&mut self, said: &Said<String>, tables: &Tables) -> Option<Text> {
        let text = self.text("dedupe", said, tables)?;
        if matches!(text, Text::Literal(_)) {
            let problem = said.warning(
                "this is the same for every event: only the first message would be sent, the others end as duplicates",
            );
            self.problems
                .push(problem.help("name a value of the event: dedupe = \"{{ data.order_no }}\""));
        }
        Some(text)
    }
}
