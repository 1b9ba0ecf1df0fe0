//! The fixed parts of a template: what stands around its braces, and texts that an expression puts beside a value.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tree is the engine's; what a match does not name shows no text of the rule's own"
)]

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};

use super::inspect::parsed;

/// A part that comes out as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) text: String,
    /// The line of the template, counted from 1.
    pub(super) line: u32,
}

/// Every part of a template that was parsed before. What comes out whole is in [`constants`](super::constants) besides.
pub(super) fn parts(source: &str) -> Vec<Part> {
    let mut found = Vec::new();
    if let Ok(Stmt::Template(block)) = parsed(source) {
        statements(&block.children, &mut found);
    }
    found
}

fn statements(list: &[Stmt<'_>], found: &mut Vec<Part>) {
    for statement in list {
        match statement {
            // A part of several lines has each of them on a line of its own.
            Stmt::EmitRaw(raw) => {
                for (line, text) in (u32::from(raw.span().start_line)..).zip(raw.raw.split('\n')) {
                    let text = text.to_owned();
                    found.push(Part { text, line });
                }
            }
            Stmt::EmitExpr(emit) => expression(&emit.expr, found),
            Stmt::ForLoop(block) => {
                statements(&block.body, found);
                statements(&block.else_body, found);
            }
            Stmt::IfCond(block) => {
                statements(&block.true_body, found);
                statements(&block.false_body, found);
            }
            Stmt::WithBlock(block) => statements(&block.body, found),
            Stmt::SetBlock(block) => statements(&block.body, found),
            Stmt::FilterBlock(block) => statements(&block.body, found),
            _ => {}
        }
    }
}

fn expression(expr: &Expr<'_>, found: &mut Vec<Part>) {
    match expr {
        Expr::BinOp(operation) if matches!(operation.op, BinOpKind::Concat) => {
            for side in [&operation.left, &operation.right] {
                constant(side, found);
                expression(side, found);
            }
        }
        Expr::IfExpr(choice) => {
            expression(&choice.true_expr, found);
            choice
                .false_expr
                .iter()
                .for_each(|other| expression(other, found));
        }
        Expr::Filter(filter) => {
            filter
                .expr
                .iter()
                .for_each(|inner| expression(inner, found));
            for argument in &filter.args {
                if let CallArg::Kwarg("suffix", suffix) = argument {
                    constant(suffix, found);
                    expression(suffix, found);
                }
            }
        }
        _ => {}
    }
}

fn constant(expr: &Expr<'_>, found: &mut Vec<Part>) {
    if let Expr::Const(constant) = expr
        && let Some(text) = constant.value.as_str()
    {
        found.push(Part {
            text: text.to_owned(),
            line: u32::from(constant.span().start_line),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_braces_and_beside_values_is_fixed() {
        for (source, expected) in [
            ("{{ data.a }}", &[][..]),
            ("共{{ data.a }}件", &["1:共", "1:件"]),
            ("一\n二{{ data.a }}", &["1:一", "2:二"]),
            (
                "{% if data.a %}甲{% else %}\n乙{% endif %}",
                &["1:甲", "1:", "2:乙"],
            ),
            ("{{ '共' ~ data.a ~ '件' }}", &["1:共", "1:件"]),
            ("{{ data.a | fit(suffix=' 等' ~ data.n) }}", &["1: 等"]),
            ("{{ data['a-b'] | lookup('t') }}", &[]),
            ("{{ broken", &[]),
        ] {
            let found = parts(source).into_iter();
            let found: Vec<_> = found
                .map(|part| format!("{}:{}", part.line, part.text))
                .collect();
            assert_eq!(found, expected, "{source}");
        }
    }
}
