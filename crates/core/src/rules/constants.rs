//! What a template gives without a look at the event: both ends of a condition, the entries of a table, what stands in for a missing
//! value. Such a text is right or wrong before the first event.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tree is the engine's; what a match does not name depends on the event"
)]

use minijinja::machinery::ast::{CallArg, Expr, Filter, Stmt};

use super::inspect::{Tables, parsed};

/// A text that comes out whole for some events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constant {
    pub(super) text: String,
    pub(super) place: Place,
}

/// Where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On this line of the template, counted from 1.
    Line(u32),
    /// In a table of the rule.
    Entry { table: String, key: String },
}

/// Every constant of a template that was parsed before; a template that cannot be parsed has none.
pub(super) fn constants(source: &str, tables: &Tables) -> Vec<Constant> {
    let mut search = Search {
        tables,
        found: Vec::new(),
    };
    if let Ok(Stmt::Template(block)) = parsed(source) {
        search.statements(&block.children);
    }
    search.found
}

struct Search<'a> {
    tables: &'a Tables,
    found: Vec<Constant>,
}

impl Search<'_> {
    /// Only what stands alone is a whole value; blanks around it are cut off anyway.
    fn statements(&mut self, statements: &[Stmt<'_>]) {
        let is_blank = |statement: &&Stmt<'_>| match statement {
            Stmt::EmitRaw(raw) => raw.raw.trim().is_empty(),
            _ => false,
        };
        let mut shown = statements.iter().filter(|statement| !is_blank(statement));
        let (Some(only), None) = (shown.next(), shown.next()) else {
            return;
        };
        match only {
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(raw) => self.written(raw.raw, raw.span().start_line),
            Stmt::IfCond(block) => {
                self.statements(&block.true_body);
                self.statements(&block.false_body);
            }
            _ => {}
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Const(constant) => {
                if let Some(text) = constant.value.as_str() {
                    self.written(text, constant.span().start_line);
                }
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.true_expr);
                if let Some(other) = &choice.false_expr {
                    self.expression(other);
                }
            }
            Expr::Filter(filter) if filter.name == "lookup" => {
                self.entries(filter);
                self.named(filter, "default");
            }
            Expr::Filter(filter) if filter.name == "default" => {
                filter.expr.iter().for_each(|expr| self.expression(expr));
                if let Some(CallArg::Pos(other)) = filter.args.first() {
                    self.expression(other);
                }
            }
            _ => {}
        }
    }

    /// Any entry may be looked up.
    fn entries(&mut self, filter: &Filter<'_>) {
        let Some(CallArg::Pos(Expr::Const(name))) = filter.args.first() else {
            return;
        };
        let Some((table, entries)) = name
            .value
            .as_str()
            .and_then(|name| self.tables.get_key_value(name))
        else {
            return;
        };
        for (key, text) in entries {
            self.found.push(Constant {
                text: text.clone(),
                place: Place::Entry {
                    table: table.clone(),
                    key: key.clone(),
                },
            });
        }
    }

    fn named(&mut self, filter: &Filter<'_>, wanted: &str) {
        for argument in &filter.args {
            if let CallArg::Kwarg(name, value) = argument
                && *name == wanted
            {
                self.expression(value);
            }
        }
    }

    fn written(&mut self, text: &str, line: u16) {
        self.found.push(Constant {
            text: text.to_owned(),
            place: Place::Line(u32::from(line)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[&str]) {
        let entries = [("a", "甲"), ("b", "乙")];
        let entries = entries.map(|(key, text)| (key.to_owned(), text.to_owned()));
        let tables = [("t".to_owned(), entries.into())].into();
        let found: Vec<String> = constants(source, &tables)
            .into_iter()
            .map(|constant| match constant.place {
                Place::Line(line) => format!("{line}:{}", constant.text),
                Place::Entry { table, key } => format!("{table}.{key}:{}", constant.text),
            })
            .collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn only_what_comes_out_whole_is_a_constant() {
        check("{{ 'x' if data.a else 'y' }}", &["1:x", "1:y"]);
        check("{{ 'x' if data.a else data.b }}", &["1:x"]);
        check(
            "{{ 'x' if data.a else ('y' if data.b else 'z') }}",
            &["1:x", "1:y", "1:z"],
        );
        check(
            "{{ data.a | lookup('t', default='z') }}",
            &["t.a:甲", "t.b:乙", "1:z"],
        );
        check("{{ data.a | default('z') }}", &["1:z"]);
        check(
            "{% if data.a %}x{% else %}\n {{ 'y' }} {% endif %}",
            &["1:x", "2:y"],
        );
        for depends in [
            "{{ data.a }}",
            "{{ ('x' if data.a else 'y') | upper }}",
            "{{ data.a }}x",
            "{{ 'x' ~ data.a }}",
            "{% if data.a %}x{% endif %}y",
            "{{ data.a | lookup(data.b) }}",
            "{{ data.a | lookup('none') }}",
            "{{ (data.a | lookup('t')) | fit }}",
            "{{ broken",
        ] {
            check(depends, &[]);
        }
    }
}
