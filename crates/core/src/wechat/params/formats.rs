//! Numbers, amounts and plates, read piece by piece. `WeChat`: subscribe/send, parameter table.

use super::{Violation, is_han};
use crate::model::outcome::Reason;

pub(super) fn check_number(value: &str) -> Result<(), Violation> {
    if is_decimal(value) {
        return Ok(());
    }
    Err(Violation::malformed(
        "only digits with at most one decimal point",
        value,
        |c| c.is_ascii_digit() || c == '.',
    ))
}

fn is_decimal(value: &str) -> bool {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

const CURRENCY_SYMBOLS: &str = "￥¥$＄€£￡₩￦₽₹฿₫₱₪₺₦₴";

pub(super) fn check_amount(value: &str) -> Result<(), Violation> {
    const EXPECTED: &str = "one currency symbol and at most 10 digits, such as ￥128.50";
    let number = value
        .strip_prefix(|c| CURRENCY_SYMBOLS.contains(c))
        .unwrap_or(value);
    let number = number.strip_suffix('元').unwrap_or(number);
    if !is_decimal(number) {
        return Err(Violation::malformed(EXPECTED, number, |c| {
            c.is_ascii_digit() || c == '.'
        }));
    }
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits > 10 {
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
