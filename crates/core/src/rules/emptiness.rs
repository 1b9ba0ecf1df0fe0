//! Where a template itself lets a value be empty, and what stands alone then: a label, or the suffix of `fit`.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tree is the engine's; what a match does not name is not made empty by the rule"
)]

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Filter, Stmt};

use super::inspect::{Tables, parsed};

/// What stands alone where a value is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alone {
    /// Text that ends in a colon.
    Label(String),
    /// What `fit` appends.
    Suffix,
}

/// All of it in a template that was parsed before, with the lines of the template, counted from 1.
pub(super) fn alone(source: &str, tables: &Tables) -> Vec<(Alone, u32)> {
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
    found: Vec<(Alone, u32)>,
}

impl Search<'_> {
    fn statements(&mut self, list: &[Stmt<'_>]) {
        for (at, statement) in list.iter().enumerate() {
            match statement {
                Stmt::EmitRaw(raw) => {
                    let rest = list.get(at + 1..).unwrap_or_default();
                    self.label(raw.raw, u32::from(raw.span().start_line), rest);
                }
                Stmt::EmitExpr(emit) => self.suffixes(&emit.expr),
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

    /// A label is alone if all may be empty that stands between it and the next text.
    fn label(&mut self, raw: &str, line: u32, rest: &[Stmt<'_>]) {
        let last_line = raw.trim_end().rsplit('\n').next().unwrap_or_default();
        let mark = last_line.chars().next_back();
        if !matches!(mark, Some('：' | ':')) {
            return;
        }
        let is_text = |statement: &&Stmt<'_>| match statement {
            Stmt::EmitRaw(raw) => !raw.raw.trim().is_empty(),
            _ => false,
        };
        let n_values = rest.iter().take_while(|it| !is_text(it)).count();
        let values = rest.get(..n_values).unwrap_or_default();
        let shows = |statement: &Stmt<'_>| !matches!(statement, Stmt::EmitRaw(_) | Stmt::Set(_));
        if values.iter().any(shows) && values.iter().all(|it| self.is_nothing(it)) {
            let n_before = raw.trim_end().matches('\n').count();
            let line = line + u32::try_from(n_before).unwrap_or_default();
            let label = last_line.trim().to_owned();
            self.found.push((Alone::Label(label), line));
        }
    }

    /// Whether a statement may put out nothing at all.
    fn is_nothing(&self, statement: &Stmt<'_>) -> bool {
        let all = |list: &[Stmt<'_>]| list.iter().all(|it| self.is_nothing(it));
        match statement {
            Stmt::EmitRaw(raw) => raw.raw.trim().is_empty(),
            Stmt::EmitExpr(emit) => self.may_be_empty(&emit.expr),
            Stmt::IfCond(block) => all(&block.true_body) || all(&block.false_body),
            // That a list of the event may be empty is so everywhere, as with a text.
            Stmt::ForLoop(block) => self.may_be_empty(&block.iter) && all(&block.else_body),
            Stmt::Set(_) | Stmt::SetBlock(_) => true,
            _ => false,
        }
    }

    /// Whether the rule itself lets this be empty. That a text of the event may be empty is so everywhere, and is not told.
    fn may_be_empty(&self, expr: &Expr<'_>) -> bool {
        match expr {
            Expr::Const(constant) => {
                let text = constant.value.as_str();
                text.is_some_and(|text| text.trim().is_empty())
            }
            Expr::List(list) => list.items.is_empty(),
            Expr::Slice(slice) => self.may_be_empty(&slice.expr),
            Expr::IfExpr(choice) => {
                self.may_be_empty(&choice.true_expr)
                    || choice
                        .false_expr
                        .as_ref()
                        .is_some_and(|other| self.may_be_empty(other))
            }
            Expr::BinOp(operation) => match operation.op {
                BinOpKind::Concat => {
                    self.may_be_empty(&operation.left) && self.may_be_empty(&operation.right)
                }
                BinOpKind::ScOr => self.may_be_empty(&operation.right),
                _ => false,
            },
            Expr::Filter(filter) => self.is_made_empty(filter),
            _ => false,
        }
    }

    fn is_made_empty(&self, filter: &Filter<'_>) -> bool {
        let inner = || filter.expr.as_ref().is_some_and(|it| self.may_be_empty(it));
        let named = |wanted: &str| {
            filter.args.iter().find_map(|argument| match argument {
                CallArg::Kwarg(name, value) if *name == wanted => Some(value),
                _ => None,
            })
        };
        match filter.name {
            "default" => match filter.args.first() {
                None => true,
                Some(CallArg::Pos(other)) => self.may_be_empty(other),
                Some(_) => false,
            },
            "lookup" => {
                let entries = match filter.args.first() {
                    Some(CallArg::Pos(Expr::Const(name))) => {
                        name.value.as_str().and_then(|name| self.tables.get(name))
                    }
                    _ => None,
                };
                let mut entries = entries.into_iter().flatten();
                entries.any(|(_, text)| text.trim().is_empty())
                    || named("default").is_some_and(|other| self.may_be_empty(other))
            }
            "fit" => named("suffix").is_none_or(|suffix| self.may_be_empty(suffix)) && inner(),
            "trim" | "lower" | "upper" | "title" | "capitalize" | "string" | "replace" | "join"
            | "mask" | "phone" | "sort" | "unique" | "reverse" | "list" => inner(),
            _ => false,
        }
    }

    /// Every `fit` with a suffix in an expression.
    fn suffixes(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::Filter(filter) => {
                filter.expr.iter().for_each(|inner| self.suffixes(inner));
                let suffix = filter.args.iter().find_map(|argument| match argument {
                    CallArg::Kwarg("suffix", suffix) => Some(suffix),
                    _ => None,
                });
                if filter.name == "fit"
                    && suffix.is_some_and(|suffix| !self.may_be_empty(suffix))
                    && filter.expr.as_ref().is_some_and(|it| self.may_be_empty(it))
                {
                    let line = u32::from(filter.span().start_line);
                    self.found.push((Alone::Suffix, line));
                }
            }
            Expr::IfExpr(choice) => {
                self.suffixes(&choice.true_expr);
                choice
                    .false_expr
                    .iter()
                    .for_each(|other| self.suffixes(other));
            }
            Expr::BinOp(operation) => {
                self.suffixes(&operation.left);
                self.suffixes(&operation.right);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<String> {
        let entries = [("a".to_owned(), String::new())].into();
        let tables = [("t".to_owned(), entries)].into();
        let shown = |(what, line): (Alone, u32)| match what {
            Alone::Label(label) => format!("{line}:{label}"),
            Alone::Suffix => format!("{line}:suffix"),
        };
        alone(source, &tables).into_iter().map(shown).collect()
    }

    #[test]
    fn a_label_before_what_may_be_empty_is_found() {
        for source in [
            "门店：{{ data.shop | default('') }}",
            "门店：{{ data.shop | default }}，电话 {{ data.phone }}",
            "门店： {{ data.shop | default('') | trim | fit(5) }}",
            "门店：{% if data.shop %}{{ data.shop }}{% endif %}",
            "门店：{% for shop in data.shops | default([]) %}{{ shop }}{% endfor %}",
            "门店：{% for shop in (data.shops or [])[:3] %}{{ shop }}{% else %} {% endfor %}",
            "门店：{{ data.shop | lookup('t') }}",
            "门店：{{ data.shop if data.n else '' }}",
            "门店：{{ data.shops | default([]) | join('、') }}",
            "门店：{{ data.shop or '' }}",
        ] {
            assert_eq!(found(source), ["1:门店："], "{source}");
        }
        assert_eq!(
            found("您好\n门店：\n{{ data.shop | default('') }}"),
            ["2:门店："]
        );
    }

    #[test]
    fn a_suffix_of_what_may_be_empty_is_found() {
        for source in [
            "{{ data.a | default('') | fit(suffix='等') }}",
            "{{ data.a | default('') | fit(9, suffix='等' ~ data.n) | trim }}",
            "共{{ (data.a | default('') | trim | fit(suffix='等')) if data.n else 'x' }}",
        ] {
            assert_eq!(found(source), ["1:suffix"], "{source}");
        }
    }

    #[test]
    fn what_the_event_alone_may_make_empty_is_not_told() {
        for source in [
            "门店：{{ data.shop }}",
            "门店：{{ data.shop | default('总店') }}",
            "门店：{{ data.shop | default('总店', true) }}",
            "门店：{% if data.shop %}{{ data.shop }}{% else %}总店{% endif %}",
            "{% if data.shop %}门店：{{ data.shop }}{% endif %}",
            "商品：{% for item in data.items %}{{ item.name }}{% if not loop.last %}、{% endif %}{% endfor %}",
            "门店：{% for shop in data.shops | default([]) %}{{ shop }}{% else %}总店{% endfor %}",
            "{{ data.items[0].name | fit(suffix=' 等' ~ (data.items | length) ~ '件') }}",
            "{{ data.a | default('') | fit(suffix='') }}",
            "{{ data.a | default('') }}",
            "门店：",
            "{{ broken",
        ] {
            assert_eq!(found(source), [""; 0], "{source}");
        }
    }
}
