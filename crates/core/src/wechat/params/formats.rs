//! Numbers, amounts and plates, read piece by piece. `WeChat`: subscribe/send, parameter table.

use super::{Violation, is_han};
use crate::model::outcome::Reason;

/// The digits that a `number` may have beside its decimal point.
pub(super) const MOST_DIGITS_OF_NUMBER: usize = 32;

/// The digits that an `amount` may have beside its decimal point.
pub(super) const MOST_DIGITS_OF_AMOUNT: usize = 10;

/// A number below zero is in no row of the table, and nobody has seen `WeChat` refuse it: it passes.
pub(super) fn check_number(value: &str) -> Result<(), Violation> {
    let number = value.strip_prefix('-').unwrap_or(value);
    if !is_decimal(number) {
        return Err(Violation::malformed(
            "only digits with at most one decimal point",
            number,
            |c| c.is_ascii_digit() || c == '.',
        ));
    }
    let found = n_digits(number);
    if found > MOST_DIGITS_OF_NUMBER {
        return Err(Violation {
            reason: Reason::ParamTooLong,
            detail: format!("at most {MOST_DIGITS_OF_NUMBER} digits fit, found {found}"),
        });
    }
    Ok(())
}

fn is_decimal(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

pub(super) fn n_digits(number: &str) -> usize {
    number.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether a character is the sign of a currency: what Unicode calls one. `WeChat` does not list those that it takes.
pub(crate) fn is_currency_symbol(c: char) -> bool {
    matches!(c,
        '$' | '¢'..='¥' | '֏' | '؋' | '৲' | '৳' | '৻' | '૱' | '௹' | '฿' | '៛' | '\u{20A0}'..='\u{20CF}'
        | '\u{A838}' | '\u{FDFC}' | '﹩' | '＄' | '￠' | '￡' | '￥' | '￦')
}

/// The table wants a currency symbol. Amounts without one, such as `100元`, are sent by others, and nobody has seen `WeChat` refuse them:
/// they pass.
pub(super) fn check_amount(value: &str) -> Result<(), Violation> {
    const EXPECTED: &str = "one currency symbol and at most 10 digits, such as ￥128.50";
    let number = value.strip_prefix(is_currency_symbol).unwrap_or(value);
    let number = number.strip_suffix('元').unwrap_or(number);
    if !is_decimal(number) {
        return Err(Violation::malformed(EXPECTED, number, |c| {
            c.is_ascii_digit() || c == '.'
        }));
    }
    let digits = n_digits(number);
    if digits > MOST_DIGITS_OF_AMOUNT {
        return Err(Violation {
            reason: Reason::ParamTooLong,
            detail: format!("expected {EXPECTED}, found {digits} digits"),
        });
    }
    Ok(())
}

pub(super) fn check_plate(value: &str) -> Result<(), Violation> {
    let last = value.chars().count().saturating_sub(1);
    let fits = |(at, c): (usize, char)| {
        c.is_ascii_alphanumeric() || (is_han(c) && (at == 0 || at == last))
    };
    if value.chars().enumerate().all(fits) {
        return Ok(());
    }
    let expected = "letters and digits, with Han characters only first and last";
    Err(Violation::malformed(expected, value, |c| {
        c.is_ascii_alphanumeric() || is_han(c)
    }))
}
