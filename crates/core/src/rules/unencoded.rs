//! Values of the event that stand in an address as they are: a `&`, `?` or `/` in one makes another address of it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tree is the engine's; what a match does not name inserts nothing of the event as it is"
)]

use minijinja::machinery::ast::{BinOpKind, Expr, Stmt};

use super::context::NAMES;
use super::inspect::parsed;

/// Whether a template puts a value of the event, as it is, beside fixed text. One that is nothing but a value is a whole address, which
/// upstream has made.
pub(super) fn has_unencoded(source: &str) -> bool {
    let Ok(Stmt::Template(tree)) = parsed(source) else {
        return false;
    };
    let mut seen = Seen::default();
    seen.statements(&tree.children);
    seen.has_text && seen.has_unencoded
}

#[derive(Default)]
struct Seen {
    has_text: bool,
    has_unencoded: bool,
}

impl Seen {
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            match statement {
                Stmt::EmitRaw(raw) => self.has_text |= !raw.raw.trim().is_empty(),
                Stmt::EmitExpr(emit) => self.has_unencoded |= !is_encoded(&emit.expr),
                Stmt::ForLoop(block) => {
                    self.statements(&block.body);
                    self.statements(&block.else_body);
                }
                Stmt::IfCond(block) => {
                    self.statements(&block.true_body);
                    self.statements(&block.false_body);
                }
                Stmt::WithBlock(block) => self.statements(&block.body),
                _ => {}
            }
        }
    }
}

/// Whether nothing of the event comes out as it is. A name that the template gave itself is not followed.
fn is_encoded(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Var(name) => !NAMES.contains(&name.id),
        Expr::GetAttr(path) => is_encoded(&path.expr),
        Expr::GetItem(path) => is_encoded(&path.expr),
        Expr::Slice(slice) => is_encoded(&slice.expr),
        Expr::Filter(filter) => match filter.name {
            // Numbers, and texts that the rule itself has.
            "urlencode" | "int" | "float" | "abs" | "round" | "length" | "count" | "lookup" => true,
            _ => filter.expr.as_ref().is_none_or(is_encoded),
        },
        Expr::IfExpr(choice) => {
            is_encoded(&choice.true_expr) && choice.false_expr.as_ref().is_none_or(is_encoded)
        }
        Expr::BinOp(operation) => match operation.op {
            BinOpKind::Concat | BinOpKind::Add | BinOpKind::ScOr | BinOpKind::ScAnd => {
                is_encoded(&operation.left) && is_encoded(&operation.right)
            }
            _ => true,
        },
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beside_fixed_text_are_found() {
        for source in [
            "pages/a?id={{ data.id }}",
            "pages/{{ data.kind }}/detail",
            "pages/a?id={{ data.items[0].id | trim }}",
            "pages/a?id={{ 'x' ~ data.id }}",
            "pages/a{% if data.id %}?id={{ id }}{% endif %}",
            "pages/a?id={{ data.id if data.id else 'none' }}",
        ] {
            assert!(has_unencoded(source), "{source}");
        }
    }

    #[test]
    fn what_is_encoded_or_whole_is_well() {
        for source in [
            "pages/a",
            "{{ data.page }}",
            "pages/a?id={{ data.id | urlencode }}",
            "pages/a?id={{ data.id | default('x') | urlencode }}",
            "pages/a?id={{ data.id | int }}&kind={{ data.kind | lookup('kinds') }}",
            "pages/a?id={{ data.id | urlencode if data.id else 'none' }}",
            "{% set id = data.id | urlencode %}pages/a?id={{ id_of }}",
            "{% broken",
        ] {
            assert!(!has_unencoded(source), "{source}");
        }
    }
}
