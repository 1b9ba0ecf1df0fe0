//! What WeChat takes as a template value: one check for each type of param.
//!
//! WeChat publishes prose and examples, no expressions (`message/subscribe/send`, the table of param types). What nobody
//! has seen WeChat refuse passes, though the table has another form: a date alone in a `time`, `24:00`, a number below
//! zero, an amount without a currency symbol, full-width symbols in a phone number. How to count is read strictly:
//! characters outside the BMP are two, a number's decimals are digits.

use crate::moment::{is_date, is_time};

/// Why a value is refused; WeChat says no more than this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    Empty,
    Invalid,
}

impl Fault {
    /// The word in WeChat's text for 47003.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::Invalid => "invalid",
        }
    }
}

/// Checks one value by its param's prefix. `allowed` is the list of an `enum` param; an empty list allows any text.
pub(super) fn check(param: &str, value: &str, allowed: &[String]) -> Result<(), Fault> {
    if value.trim().is_empty() {
        return Err(Fault::Empty);
    }
    let clean = !value.chars().any(|c| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | char::REPLACEMENT_CHARACTER)
    });
    let prefix = param.trim_end_matches(|c: char| c.is_ascii_digit());
    if clean && fits(prefix, value, allowed) {
        Ok(())
    } else {
        Err(Fault::Invalid)
    }
}

fn fits(prefix: &str, value: &str, allowed: &[String]) -> bool {
    let length = value.encode_utf16().count();
    match prefix {
        "thing" => length <= 20,
        "number" => is_decimal(value.strip_prefix('-').unwrap_or(value), 32),
        "letter" => length <= 32 && value.bytes().all(|byte| byte.is_ascii_alphabetic()),
        "symbol" => length <= 5 && value.chars().all(is_symbol),
        "character_string" => {
            length <= 32
                && value
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == ' ' || is_symbol(c))
        }
        "time" => is_time(value),
        "date" => is_date(value),
        "amount" => is_amount(value),
        "phone_number" => {
            length <= 17
                && value
                    .chars()
                    .all(|c| c.is_ascii_digit() || c == ' ' || is_symbol(c))
        }
        "car_number" => length <= 8 && is_car_number(value),
        "name" => is_name(value, length),
        "phrase" => length <= 5 && value.chars().all(is_han),
        "enum" | "enum_string" => allowed.is_empty() || allowed.iter().any(|entry| entry == value),
        // `const` and `short_thing` have no published rule, and of an unknown type nothing can be said.
        _ => true,
    }
}

/// Digits, with at most one point that has digits on both sides.
fn is_decimal(value: &str, most_digits: usize) -> bool {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    let digits_only =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let n_digits = value.bytes().filter(u8::is_ascii_digit).count();
    digits_only(whole) && digits_only(decimals) && n_digits <= most_digits
}

/// A number of at most ten digits, with one currency symbol before it and 元 after it if wanted.
fn is_amount(value: &str) -> bool {
    let number = value.strip_prefix(is_currency_symbol).unwrap_or(value);
    let number = number.strip_suffix('元').unwrap_or(number);
    is_decimal(number, 10)
}

fn is_currency_symbol(c: char) -> bool {
    matches!(
        c,
        '$' | '¢' | '£' | '¤' | '¥' | '\u{20A0}'
            ..='\u{20CF}' | '﹩' | '＄' | '￠' | '￡' | '￥' | '￦'
            // Armenia, Afghanistan, India (four scripts), Thailand, Cambodia, India (marks of the north), Iran.
            | '\u{58F}' | '\u{60B}' | '\u{9F2}' | '\u{9F3}' | '\u{9FB}' | '\u{AF1}' | '\u{BF9}' | '\u{E3F}'
            | '\u{17DB}' | '\u{A838}' | '\u{FDFC}'
    )
}

fn is_car_number(value: &str) -> bool {
    let last = value.chars().count().saturating_sub(1);
    value
        .chars()
        .enumerate()
        .all(|(at, c)| c.is_ascii_alphanumeric() || (is_han(c) && (at == 0 || at == last)))
}

/// With one Han character in it a name counts as a Chinese one, which may be half as long.
fn is_name(value: &str, length: usize) -> bool {
    let most = if value.chars().any(is_han) { 10 } else { 20 };
    length <= most
        && !value.chars().any(char::is_numeric)
        && value.chars().any(|c| c.is_alphabetic() || is_symbol(c))
}

/// Neither Han, nor a letter or digit of any script, nor a space.
fn is_symbol(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && !is_han(c)
}

/// The Han blocks of Unicode, with the two iteration and zero signs that are written like Han.
fn is_han(c: char) -> bool {
    matches!(c,
        '々' | '〇'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{2FA1F}'
        | '\u{30000}'..='\u{323AF}')
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
