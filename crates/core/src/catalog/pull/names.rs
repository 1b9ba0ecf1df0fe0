//! A name for a template that has none yet.

use std::collections::BTreeSet;

/// The Latin words of the title, or `template_1` and so on where it has none. Always the same for the same file and title.
pub(super) fn propose(title: &str, taken: &BTreeSet<String>) -> String {
    let words: Vec<String> = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let slug = words.join("_");
    let has_letters = slug.bytes().any(|byte| byte.is_ascii_alphabetic());
    if has_letters && !taken.contains(&slug) {
        return slug;
    }
    let (stem, first) = if has_letters {
        (slug.as_str(), 2)
    } else {
        ("template", 1)
    };
    let mut number = first;
    loop {
        let name = format!("{stem}_{number}");
        if !taken.contains(&name) {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(title: &str, taken: &[&str], expected: &str) {
        let taken = taken.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(propose(title, &taken), expected, "{title}");
    }

    #[test]
    fn a_name_is_readable_if_the_title_lets_it_be() {
        check("VIP会员到期提醒", &[], "vip");
        check("VIP到期提醒", &["vip"], "vip_2");
        check("Order Shipped!", &["vip"], "order_shipped");
        check("订单完成通知", &[], "template_1");
        check("订单完成通知", &["template_1", "template_3"], "template_2");
        check("2026年", &[], "template_1");
        check("", &[], "template_1");
    }
}
