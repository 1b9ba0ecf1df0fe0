//! Whether what a template gives to an `amount` begins with the sign of a currency, as far as that shows without an event.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tree is the engine's; what a match does not name hangs on the event"
)]

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Filter, Stmt};

use super::inspect::parsed;
use crate::wechat::params::is_currency_symbol;

/// What is known of the sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Currency {
    /// It is there, or hangs on more than a look shows.
    There,
    /// It is there only if the event brings it.
    OfTheEvent,
    /// It is missing for some events, whatever they bring.
    Missing,
    /// Two of them: `WeChat` takes one.
    Doubled,
}

/// What is known of a template that was parsed before.
pub(super) fn currency(source: &str) -> Currency {
    match parsed(source) {
        Ok(Stmt::Template(block)) => of_statements(&block.children),
        _ => Currency::There,
    }
}

fn of_statements(list: &[Stmt<'_>]) -> Currency {
    let mut shown = list.iter().filter(|statement| match statement {
        Stmt::EmitRaw(raw) => !raw.raw.trim().is_empty(),
        Stmt::Set(_) | Stmt::SetBlock(_) => false,
        _ => true,
    });
    match shown.next() {
        Some(Stmt::EmitRaw(raw)) => {
            let text = raw.raw.trim();
            if !text.starts_with(is_currency_symbol) {
                return Currency::Missing;
            }
            let is_sign_alone = text.chars().all(is_currency_symbol);
            match shown.next() {
                Some(Stmt::EmitExpr(emit)) if is_sign_alone && brings_sign(&emit.expr) => {
                    Currency::Doubled
                }
                _ => Currency::There,
            }
        }
        Some(Stmt::EmitExpr(emit)) => of_expression(&emit.expr),
        Some(Stmt::IfCond(block)) => worse(
            of_statements(&block.true_body),
            of_statements(&block.false_body),
        ),
        _ => Currency::There,
    }
}

fn worse(left: Currency, right: Currency) -> Currency {
    let any = |known| left == known || right == known;
    let by_rank = [
        Currency::Doubled,
        Currency::Missing,
        Currency::OfTheEvent,
        Currency::There,
    ];
    let found = by_rank.into_iter().find(|known| any(*known));
    found.unwrap_or(Currency::There)
}

fn of_expression(expr: &Expr<'_>) -> Currency {
    match expr {
        Expr::Const(constant) => match constant.value.as_str() {
            // A text that comes out whole is looked at as such.
            Some(text) if text.starts_with(is_currency_symbol) || text.is_empty() => {
                Currency::There
            }
            Some(_) | None => Currency::Missing,
        },
        Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => Currency::OfTheEvent,
        Expr::IfExpr(choice) => {
            let other = choice.false_expr.as_ref();
            worse(
                of_expression(&choice.true_expr),
                other.map_or(Currency::There, of_expression),
            )
        }
        Expr::BinOp(operation) => match operation.op {
            BinOpKind::Concat => of_concat(&operation.left, &operation.right),
            BinOpKind::Sub
            | BinOpKind::Mul
            | BinOpKind::Div
            | BinOpKind::FloorDiv
            | BinOpKind::Rem
            | BinOpKind::Pow => Currency::Missing,
            _ => Currency::There,
        },
        Expr::Filter(filter) => of_filter(filter),
        _ => Currency::There,
    }
}

fn of_concat(left: &Expr<'_>, right: &Expr<'_>) -> Currency {
    if let Expr::Const(constant) = left
        && let Some(text) = constant.value.as_str()
        && !text.is_empty()
        && text.chars().all(is_currency_symbol)
        && brings_sign(right)
    {
        return Currency::Doubled;
    }
    of_expression(left)
}

fn of_filter(filter: &Filter<'_>) -> Currency {
    let inner = filter.expr.as_ref();
    match filter.name {
        "yuan" => match symbol_of(filter) {
            Some(Some(symbol)) if !symbol.starts_with(is_currency_symbol) => Currency::Missing,
            Some(_) | None => Currency::There,
        },
        "int" | "float" | "round" | "abs" | "length" | "count" | "sum" => Currency::Missing,
        "trim" | "string" => inner.map_or(Currency::There, of_expression),
        "default" => {
            let inner = inner.map_or(Currency::There, of_expression);
            match filter.args.first() {
                Some(CallArg::Pos(other)) => worse(inner, of_expression(other)),
                _ => inner,
            }
        }
        _ => Currency::There,
    }
}

/// What `yuan` is told to write before the number: nothing said, something that hangs on the event, or this.
#[expect(
    clippy::option_option,
    reason = "not said and not known are not the same"
)]
fn symbol_of(filter: &Filter<'_>) -> Option<Option<String>> {
    let said = filter.args.iter().find_map(|argument| match argument {
        CallArg::Kwarg("symbol", symbol) => Some(symbol),
        _ => None,
    })?;
    match said {
        Expr::Const(constant) => Some(constant.value.as_str().map(str::to_owned)),
        _ => Some(None),
    }
}

/// Whether it surely begins with a sign of its own.
fn brings_sign(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Filter(filter) if filter.name == "yuan" => match symbol_of(filter) {
            None => true,
            Some(symbol) => symbol.is_some_and(|symbol| symbol.starts_with(is_currency_symbol)),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_is_looked_for_at_the_beginning() {
        for (source, expected) in [
            ("{{ data.fen | yuan }}", Currency::There),
            ("￥{{ data.price }}", Currency::There),
            ("{{ '￥' ~ data.price }}", Currency::There),
            ("{{ data.fen | yuan(symbol='$') }}", Currency::There),
            ("{{ data.fen | yuan(symbol=data.symbol) }}", Currency::There),
            ("{{ data.price | lookup('prices') }}", Currency::There),
            ("￥{{ data.fen | yuan(symbol='') }}", Currency::There),
            ("{{ data.price }}", Currency::OfTheEvent),
            ("{{ data.price | default('￥0') }}", Currency::OfTheEvent),
            ("{{ data.price }}元", Currency::OfTheEvent),
            ("{{ data.fen / 100 }}", Currency::Missing),
            ("{{ data.fen | yuan(symbol='') }}", Currency::Missing),
            ("{{ data.price | round(2) }}", Currency::Missing),
            (
                "{{ data.fen | yuan if data.fen else 0 }}",
                Currency::Missing,
            ),
            (
                "{% if data.a %}{{ data.fen | yuan }}{% else %}0{% endif %}",
                Currency::Missing,
            ),
            ("￥{{ data.fen | yuan }}", Currency::Doubled),
            ("{{ '￥' ~ (data.fen | yuan) }}", Currency::Doubled),
            ("{{ broken", Currency::There),
        ] {
            assert_eq!(currency(source), expected, "{source}");
        }
    }
}
