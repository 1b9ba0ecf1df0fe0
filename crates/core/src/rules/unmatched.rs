//! Why no rule wants an event, for a person.

use std::fmt::Write as _;

use super::RuleSet;
use crate::document::nearest;

/// Rules that are named at most.
const MOST_NAMED: usize = 5;

impl RuleSet {
    /// Why no rule wants an event of this type: there is none for the type, and perhaps the type is misspelt; or no `when` holds.
    pub fn why_unmatched(&self, event_type: &str) -> String {
        let rules: Vec<_> = self.rules_for(event_type).collect();
        if rules.is_empty() {
            return self.no_rule_for(event_type);
        }
        let mut why = "`when` does not hold for this event in ".to_owned();
        for (index, rule) in rules.iter().take(MOST_NAMED).enumerate() {
            if index > 0 {
                why += ", ";
            }
            why += &rule.name;
            if let Some(when) = &rule.when {
                // Writing to a text cannot fail.
                let _written = write!(why, " ({})", when.source());
            }
        }
        if rules.len() > MOST_NAMED {
            let _written = write!(why, " and {} more", rules.len() - MOST_NAMED);
        }
        why
    }

    fn no_rule_for(&self, event_type: &str) -> String {
        let wanted: Vec<&str> = self.by_type.keys().map(String::as_str).collect();
        let meant = nearest(event_type, &wanted);
        let rule = meant.and_then(|meant| self.rules_for(meant).next());
        let hint = meant
            .zip(rule)
            .map(|(meant, rule)| format!("; did you mean `{meant}`, which {} is for?", rule.name));
        format!(
            "no rule is for events of the type \"{event_type}\"{}",
            hint.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[test]
    fn a_misspelt_type_and_a_when_that_does_not_hold_are_told() {
        let rules = testing::rules(&[
            ("order_completed", "shop", "when = \"data.n > 0\""),
            ("coupon", "shop", ""),
        ]);
        assert_eq!(
            rules.why_unmatched("order_complete"),
            "no rule is for events of the type \"order_complete\"; did you mean `order_completed`, which order_completed is for?"
        );
        assert_eq!(
            rules.why_unmatched("shipment_arrived"),
            "no rule is for events of the type \"shipment_arrived\""
        );
        assert_eq!(
            rules.why_unmatched("order_completed"),
            "`when` does not hold for this event in order_completed (data.n > 0)"
        );
    }
}
