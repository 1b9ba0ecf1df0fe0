//! Whether two conditions can hold for one event. Only what is plain to see counts: the same value against fixed ones, and a condition
//! beside its `not`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tree is the engine's; of what a match does not name nothing is claimed"
)]

use std::fmt::Write as _;

use minijinja::Value;
use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;

/// Whether no event can make both hold.
pub(super) fn exclude_each_other(left: &str, right: &str) -> bool {
    match (parse_expr(left), parse_expr(right)) {
        (Ok(left), Ok(right)) => excluded(&left, &right),
        _ => false,
    }
}

fn excluded(left: &Expr<'_>, right: &Expr<'_>) -> bool {
    for (one, other) in [(left, right), (right, left)] {
        if let Expr::BinOp(operation) = one {
            match operation.op {
                BinOpKind::ScAnd => {
                    return excluded(&operation.left, other) || excluded(&operation.right, other);
                }
                BinOpKind::ScOr => {
                    return excluded(&operation.left, other) && excluded(&operation.right, other);
                }
                _ => {}
            }
        }
    }
    match (Claim::of(left), Claim::of(right)) {
        (Some(left), Some(right)) => {
            left.subject == right.subject && left.holds.is_apart_from(&right.holds)
        }
        _ => false,
    }
}

/// What a condition says of one value.
struct Claim {
    /// The value, in one spelling.
    subject: String,
    holds: Holds,
}

enum Holds {
    OneOf(Vec<Value>),
    NoneOf(Vec<Value>),
    Range(Range),
    /// What counts as true, or not.
    Truth(bool),
}

/// Numbers from one to another.
#[derive(Clone, Copy)]
struct Range {
    least: Bound,
    most: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    None,
    /// The number itself lies within.
    Within(f64),
    /// It does not.
    Beyond(f64),
}

impl Claim {
    fn of(expr: &Expr<'_>) -> Option<Self> {
        if let Some((left, operator, right)) = comparison(expr) {
            return Self::of_comparison(left, operator, right);
        }
        if let Expr::UnaryOp(operation) = expr
            && matches!(operation.op, UnaryOpKind::Not)
        {
            let inner = Self::of(&operation.expr)?;
            let holds = inner.holds.negated()?;
            return Some(Self { holds, ..inner });
        }
        Some(Self {
            subject: spelt(expr)?,
            holds: Holds::Truth(true),
        })
    }

    fn of_comparison(left: &Expr<'_>, operator: CompareOpKind, right: &Expr<'_>) -> Option<Self> {
        let (subject, operator, fixed) = match (fixed(left), fixed(right)) {
            (None, Some(fixed)) => (left, operator, fixed),
            (Some(fixed), None) => (right, turned(operator)?, fixed),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        let number = || match fixed.as_slice() {
            [only] if only.is_number() => f64::try_from(only.clone()).ok(),
            _ => None,
        };
        let range = |least, most| Holds::Range(Range { least, most });
        let holds = match operator {
            CompareOpKind::Eq | CompareOpKind::In => Holds::OneOf(fixed),
            CompareOpKind::Ne | CompareOpKind::NotIn => Holds::NoneOf(fixed),
            CompareOpKind::Lt => range(Bound::None, Bound::Beyond(number()?)),
            CompareOpKind::Lte => range(Bound::None, Bound::Within(number()?)),
            CompareOpKind::Gt => range(Bound::Beyond(number()?), Bound::None),
            CompareOpKind::Gte => range(Bound::Within(number()?), Bound::None),
        };
        Some(Self {
            subject: spelt(subject)?,
            holds,
        })
    }
}

impl Holds {
    fn negated(self) -> Option<Self> {
        let outside = |bound, is_least| match bound {
            Bound::Within(number) if is_least => Some(Range {
                least: Bound::None,
                most: Bound::Beyond(number),
            }),
            Bound::Beyond(number) if is_least => Some(Range {
                least: Bound::None,
                most: Bound::Within(number),
            }),
            Bound::Within(number) => Some(Range {
                least: Bound::Beyond(number),
                most: Bound::None,
            }),
            Bound::Beyond(number) => Some(Range {
                least: Bound::Within(number),
                most: Bound::None,
            }),
            Bound::None => None,
        };
        Some(match self {
            Self::OneOf(values) => Self::NoneOf(values),
            Self::NoneOf(values) => Self::OneOf(values),
            Self::Truth(truth) => Self::Truth(!truth),
            Self::Range(range) => {
                let side = outside(range.least, true).or_else(|| outside(range.most, false));
                Self::Range(side?)
            }
        })
    }

    /// Whether no value fits both.
    fn is_apart_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::OneOf(values), other) | (other, Self::OneOf(values)) => {
                !values.iter().any(|value| other.takes(value))
            }
            (Self::Range(left), Self::Range(right)) => {
                is_above(left.least, right.most) || is_above(right.least, left.most)
            }
            (Self::Truth(left), Self::Truth(right)) => left != right,
            (Self::NoneOf(_) | Self::Range(_) | Self::Truth(_), _) => false,
        }
    }

    fn takes(&self, value: &Value) -> bool {
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::NoneOf(values) => !values.contains(value),
            Self::Truth(truth) => value.is_true() == *truth,
            Self::Range(range) => match f64::try_from(value.clone()) {
                Ok(number) if value.is_number() => {
                    let at = Bound::Within(number);
                    !is_above(range.least, at) && !is_above(at, range.most)
                }
                // Text beside a number: nothing is claimed.
                Ok(_) | Err(_) => true,
            },
        }
    }
}

/// Whether a lower bound lies above an upper one.
fn is_above(least: Bound, most: Bound) -> bool {
    match (least, most) {
        (Bound::None, _) | (_, Bound::None) => false,
        (Bound::Within(least), Bound::Within(most)) => least > most,
        (Bound::Beyond(least), Bound::Within(most) | Bound::Beyond(most))
        | (Bound::Within(least), Bound::Beyond(most)) => least >= most,
    }
}

/// The two sides of a single comparison.
fn comparison<'e, 's>(expr: &'e Expr<'s>) -> Option<(&'e Expr<'s>, CompareOpKind, &'e Expr<'s>)> {
    match expr {
        Expr::Compare(chain) => match chain.ops.as_slice() {
            [only] => Some((&chain.expr, only.op, &only.expr)),
            _ => None,
        },
        Expr::BinOp(operation) => {
            let operator = match operation.op {
                BinOpKind::Eq => CompareOpKind::Eq,
                BinOpKind::Ne => CompareOpKind::Ne,
                BinOpKind::Lt => CompareOpKind::Lt,
                BinOpKind::Lte => CompareOpKind::Lte,
                BinOpKind::Gt => CompareOpKind::Gt,
                BinOpKind::Gte => CompareOpKind::Gte,
                BinOpKind::In => CompareOpKind::In,
                _ => return None,
            };
            Some((&operation.left, operator, &operation.right))
        }
        _ => None,
    }
}

/// The same comparison with its sides changed.
fn turned(operator: CompareOpKind) -> Option<CompareOpKind> {
    match operator {
        CompareOpKind::Eq => Some(CompareOpKind::Eq),
        CompareOpKind::Ne => Some(CompareOpKind::Ne),
        CompareOpKind::Lt => Some(CompareOpKind::Gt),
        CompareOpKind::Lte => Some(CompareOpKind::Gte),
        CompareOpKind::Gt => Some(CompareOpKind::Lt),
        CompareOpKind::Gte => Some(CompareOpKind::Lte),
        CompareOpKind::In | CompareOpKind::NotIn => None,
    }
}

/// A fixed value, or a list of such.
fn fixed(expr: &Expr<'_>) -> Option<Vec<Value>> {
    match expr {
        Expr::Const(constant) => match constant.value.try_iter() {
            Ok(items) if constant.value.as_str().is_none() => Some(items.collect()),
            Ok(_) | Err(_) => Some(vec![constant.value.clone()]),
        },
        Expr::List(list) => list.items.iter().map(one_fixed).collect(),
        Expr::Tuple(tuple) => tuple.items.iter().map(one_fixed).collect(),
        _ => None,
    }
}

fn one_fixed(expr: &Expr<'_>) -> Option<Value> {
    match expr {
        Expr::Const(constant) => Some(constant.value.clone()),
        _ => None,
    }
}

/// An expression in one spelling; `None` if it has a part that is not known here.
fn spelt(expr: &Expr<'_>) -> Option<String> {
    Some(match expr {
        Expr::Var(name) => name.id.to_owned(),
        Expr::Const(constant) => format!("{:?}", constant.value),
        Expr::GetAttr(path) => format!("{}.{}", spelt(&path.expr)?, path.name),
        Expr::GetItem(path) => {
            let key = one_fixed(&path.subscript_expr)?;
            match key.as_str() {
                Some(name) => format!("{}.{name}", spelt(&path.expr)?),
                None => format!("{}[{key}]", spelt(&path.expr)?),
            }
        }
        Expr::Filter(filter) => {
            let inner = filter.expr.as_ref().map_or(Some(String::new()), spelt)?;
            format!("{inner}|{}({})", filter.name, all_spelt(&filter.args)?)
        }
        Expr::Test(test) => {
            let (subject, arguments) = (spelt(&test.expr)?, all_spelt(&test.args)?);
            format!("{subject} is {}({arguments})", test.name)
        }
        _ => return None,
    })
}

fn all_spelt(arguments: &[CallArg<'_>]) -> Option<String> {
    let mut all = String::new();
    for argument in arguments {
        // Writing to a text cannot fail.
        let _written = match argument {
            CallArg::Pos(value) => write!(all, "{},", spelt(value)?),
            CallArg::Kwarg(name, value) => write!(all, "{name}={},", spelt(value)?),
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => return None,
        };
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_that_leave_no_event_to_both_are_known() {
        for (left, right) in [
            ("data.kind == 'a'", "data.kind == 'b'"),
            ("data.kind == 'a'", "data['kind'] != 'a'"),
            ("'a' == data.kind", "data.kind in ['b', 'c']"),
            (
                "data.kind in ['a', 'b']",
                "data.kind not in ['b', 'a', 'c']",
            ),
            ("data.n > 0", "data.n <= 0"),
            ("data.n > 0", "0 >= data.n"),
            ("data.n >= 10", "data.n < 10 and data.x"),
            ("data.n == 3", "data.n > 3"),
            ("data.vip", "not data.vip"),
            (
                "data.vip | default(false)",
                "not (data.vip | default(false))",
            ),
            ("data.a is none", "data.a is not none"),
            ("data.vip == true", "data.vip == false"),
            ("data.vip == true", "not data.vip"),
            ("data.x and data.kind == 'a'", "data.y and data.kind == 'b'"),
            ("data.kind == 'a' or data.kind == 'b'", "data.kind == 'c'"),
            ("not (data.n > 5)", "data.n > 6"),
        ] {
            assert!(exclude_each_other(left, right), "{left} / {right}");
            assert!(exclude_each_other(right, left), "{right} / {left}");
        }
    }

    #[test]
    fn what_may_hold_together_is_not_claimed_to_exclude() {
        for (left, right) in [
            ("data.kind == 'a'", "data.kind == 'a'"),
            ("data.kind == 'a'", "data.other == 'b'"),
            ("data.kind == 'a'", "data.kind != 'b'"),
            ("data.kind in ['a', 'b']", "data.kind in ['b', 'c']"),
            ("data.n > 0", "data.n > 10"),
            ("data.n >= 0", "data.n <= 0"),
            ("data.n > 0", "data.vip"),
            ("data.kind == 'a' or data.vip", "data.kind == 'c'"),
            ("data.a == data.b", "data.a != data.b"),
            ("data.n > 1 > 0", "data.n < 0"),
            ("broken (", "data.a"),
        ] {
            assert!(!exclude_each_other(left, right), "{left} / {right}");
            assert!(!exclude_each_other(right, left), "{right} / {left}");
        }
    }
}
