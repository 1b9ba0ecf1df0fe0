//! What can be seen of a template without an event: names that are not known.
//!
//! The engine finds an unknown filter only when it comes to it; a rule without tests would go wrong with its first event.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tree is the engine's; what a match does not name is of no interest to it"
)]

use std::collections::{BTreeMap, HashSet};

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::machinery::{Token, parse, parse_expr, tokenize};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::context::NAMES;
use super::filters;
use super::proposal;
use crate::document::nearest;

/// The tables of a rule, for `lookup`.
pub(super) type Tables = BTreeMap<String, BTreeMap<String, String>>;

/// A mistake in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The line inside the template, counted from 1.
    pub(super) line: u32,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Finding {
    /// What the engine's parser says.
    pub(super) fn syntax(error: &Error) -> Self {
        let detail = error.detail().unwrap_or("this cannot be read");
        let line = error
            .line()
            .and_then(|line| u32::try_from(line).ok())
            .unwrap_or(1);
        Self {
            line,
            message: format!("not a template: {detail}"),
            help: None,
        }
    }
}

/// The tree of a template, as the engine reads it.
pub(super) fn parsed(source: &str) -> Result<Stmt<'_>, Error> {
    let syntax = minijinja::syntax::SyntaxConfig::default();
    parse(source, "template", syntax)
}

/// Every mistake of a template that shows without an event.
pub(super) fn template(source: &str, tables: &Tables) -> Vec<Finding> {
    let tree = match parsed(source) {
        Ok(tree) => tree,
        Err(error) => return vec![Finding::syntax(&error)],
    };
    let mut inspection = Inspection {
        tables,
        local: HashSet::new(),
        findings: Vec::new(),
    };
    inspection.learn_names(&tree);
    inspection.statement(&tree);
    inspection.findings
}

/// Every mistake of a bare expression that shows without an event.
pub(super) fn expression(source: &str, tables: &Tables) -> Vec<Finding> {
    if source.contains("{{") || source.contains("{%") {
        let help = "write `data.amount_fen > 0`, not `{{ data.amount_fen > 0 }}`".to_owned();
        return vec![Finding {
            line: 1,
            message: "expected a bare expression without braces".to_owned(),
            help: Some(help),
        }];
    }
    let tree = match parse_expr(source) {
        Ok(tree) => tree,
        Err(error) => return vec![Finding::syntax(&error)],
    };
    let mut inspection = Inspection {
        tables,
        local: HashSet::new(),
        findings: Vec::new(),
    };
    inspection.expression(&tree);
    inspection.findings
}

/// The parts of an expression that must all hold, as they are written; the whole where it is no `and`.
pub(super) fn conjuncts(source: &str) -> Vec<&str> {
    let is_and = matches!(parse_expr(source), Ok(Expr::BinOp(operation)) if matches!(operation.op, BinOpKind::ScAnd));
    if !is_and {
        return vec![source];
    }
    let syntax = minijinja::syntax::SyntaxConfig::default();
    let mut level = 0_usize;
    let mut parts = Vec::new();
    let mut begin = 0;
    for (token, span) in tokenize(source, true, syntax).flatten() {
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => level += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                level = level.saturating_sub(1);
            }
            Token::Ident("and") if level == 0 => {
                parts.push((begin, span.start_offset as usize));
                begin = span.end_offset as usize;
            }
            _ => {}
        }
    }
    parts.push((begin, source.len()));
    let parts = parts.into_iter();
    parts
        .filter_map(|(begin, end)| source.get(begin..end).map(str::trim))
        .collect()
}

/// The steps of a template that is nothing but a path into the event, such as `{{ data.items[0].name }}`.
pub(super) fn plain_path(source: &str) -> Option<Vec<Value>> {
    let tree = parsed(source).ok()?;
    let Stmt::Template(block) = &tree else {
        return None;
    };
    let [Stmt::EmitExpr(emit)] = block.children.as_slice() else {
        return None;
    };
    let mut steps = Vec::new();
    let mut rest = &emit.expr;
    loop {
        match rest {
            Expr::Var(name) if NAMES.contains(&name.id) => break steps.push(Value::from(name.id)),
            Expr::GetAttr(path) => {
                steps.push(Value::from(path.name));
                rest = &path.expr;
            }
            Expr::GetItem(path) => {
                let Expr::Const(key) = &path.subscript_expr else {
                    return None;
                };
                steps.push(key.value.clone());
                rest = &path.expr;
            }
            _ => return None,
        }
    }
    steps.reverse();
    Some(steps)
}

struct Inspection<'a> {
    tables: &'a Tables,
    /// Names that the template gives itself, anywhere in it.
    local: HashSet<&'a str>,
    findings: Vec<Finding>,
}

impl<'a> Inspection<'a> {
    fn learn_names(&mut self, statement: &Stmt<'a>) {
        match statement {
            Stmt::Template(block) => self.learn_all(&block.children),
            Stmt::ForLoop(block) => {
                self.local.insert("loop");
                self.learn_target(&block.target);
                self.learn_all(&block.body);
                self.learn_all(&block.else_body);
            }
            Stmt::IfCond(block) => {
                self.learn_all(&block.true_body);
                self.learn_all(&block.false_body);
            }
            Stmt::WithBlock(block) => {
                block
                    .assignments
                    .iter()
                    .for_each(|(target, _)| self.learn_target(target));
                self.learn_all(&block.body);
            }
            Stmt::Set(set) => self.learn_target(&set.target),
            Stmt::SetBlock(block) => {
                self.learn_target(&block.target);
                self.learn_all(&block.body);
            }
            Stmt::AutoEscape(block) => self.learn_all(&block.body),
            Stmt::FilterBlock(block) => self.learn_all(&block.body),
            Stmt::EmitExpr(_) | Stmt::EmitRaw(_) | Stmt::Do(_) => {}
        }
    }

    fn learn_all(&mut self, statements: &[Stmt<'a>]) {
        for statement in statements {
            self.learn_names(statement);
        }
    }

    fn learn_target(&mut self, target: &Expr<'a>) {
        match target {
            Expr::Var(name) => {
                self.local.insert(name.id);
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.learn_target(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.learn_target(item)),
            _ => {}
        }
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(block) => self.statements(&block.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(block) => {
                self.expression(&block.iter);
                self.expressions(&block.filter_expr);
                self.statements(&block.body);
                self.statements(&block.else_body);
            }
            Stmt::IfCond(block) => {
                self.expression(&block.expr);
                self.statements(&block.true_body);
                self.statements(&block.false_body);
            }
            Stmt::WithBlock(block) => {
                block
                    .assignments
                    .iter()
                    .for_each(|(_, value)| self.expression(value));
                self.statements(&block.body);
            }
            Stmt::Set(set) => self.expression(&set.expr),
            Stmt::SetBlock(block) => {
                self.expressions(&block.filter);
                self.statements(&block.body);
            }
            Stmt::AutoEscape(block) => {
                self.find(
                    block.enabled.span().start_line,
                    "`autoescape` is not known here: nothing is escaped".to_owned(),
                    None,
                );
            }
            Stmt::FilterBlock(block) => {
                self.expression(&block.filter);
                self.statements(&block.body);
            }
            Stmt::Do(call) => self.call(&call.call.expr, &call.call.args),
        }
    }

    fn expressions<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr<'e>>) {
        expressions
            .into_iter()
            .for_each(|expression| self.expression(expression));
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(name) => self.variable(name.id, name.span().start_line),
            Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                self.expressions(slice.start.iter().chain(&slice.stop).chain(&slice.step));
            }
            Expr::UnaryOp(operation) => self.expression(&operation.expr),
            Expr::BinOp(operation) => self.expressions([&operation.left, &operation.right]),
            Expr::Compare(chain) => {
                self.expression(&chain.expr);
                chain
                    .ops
                    .iter()
                    .for_each(|operation| self.expression(&operation.expr));
            }
            Expr::IfExpr(choice) => {
                self.expressions([&choice.test_expr, &choice.true_expr]);
                self.expressions(&choice.false_expr);
            }
            Expr::Filter(filter) => {
                self.expressions(&filter.expr);
                self.arguments(&filter.args);
                self.filter(filter.name, &filter.args, filter.span().start_line);
            }
            Expr::Test(test) => {
                self.expression(&test.expr);
                self.arguments(&test.args);
                self.known("test", test.name, filters::TESTS, test.span().start_line);
            }
            Expr::GetAttr(path) => self.expression(&path.expr),
            Expr::GetItem(path) => self.expressions([&path.expr, &path.subscript_expr]),
            Expr::Call(call) => self.call(&call.expr, &call.args),
            Expr::List(list) => self.expressions(&list.items),
            Expr::Tuple(tuple) => self.expressions(&tuple.items),
            Expr::Map(map) => self.expressions(map.keys.iter().chain(&map.values)),
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => {
                    self.expression(value);
                }
            }
        }
    }

    fn variable(&mut self, name: &str, line: u16) {
        if NAMES.contains(&name) || self.local.contains(name) || filters::FUNCTIONS.contains(&name)
        {
            return;
        }
        if name == proposal::OPEN_NAME {
            let help = "put a field of the event there, as `{{ data.name }}`, or text: the comment beside it says what fits";
            let message = "this is still to be written: it says TODO".to_owned();
            self.find(line, message, Some(help.to_owned()));
            return;
        }
        let known = NAMES.iter().chain(&self.local).copied().collect::<Vec<_>>();
        let help = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "known here: {}; a field of the event is `data.{name}`",
                NAMES.join(", ")
            ),
        };
        self.find(
            line,
            format!("the name `{name}` is not known here"),
            Some(help),
        );
    }

    fn call(&mut self, callee: &Expr<'_>, arguments: &[CallArg<'_>]) {
        self.arguments(arguments);
        let line = callee.span().start_line;
        match callee {
            Expr::Var(name) if name.id == "loop" && self.local.contains("loop") => {}
            Expr::Var(name) => self.known("function", name.id, filters::FUNCTIONS, line),
            Expr::GetAttr(path) if matches!(&path.expr, Expr::Var(name) if name.id == "loop") => {}
            Expr::GetAttr(path) => {
                self.expression(&path.expr);
                let help = match nearest(path.name, filters::FILTERS) {
                    Some(near) => format!("values have no methods: use a filter, `… | {near}`"),
                    None => {
                        "values have no methods: use a filter, docs/rules.md lists them".to_owned()
                    }
                };
                self.find(
                    line,
                    format!("the method `{}` is not known", path.name),
                    Some(help),
                );
            }
            other => self.expression(other),
        }
    }

    fn filter(&mut self, name: &str, arguments: &[CallArg<'_>], line: u16) {
        self.known("filter", name, filters::FILTERS, line);
        let text = |at: usize| match arguments.get(at) {
            Some(CallArg::Pos(Expr::Const(value))) => value.value.as_str().map(str::to_owned),
            _ => None,
        };
        match (name, text(0), text(1)) {
            ("map", Some(filter), _) => self.known("filter", &filter, filters::FILTERS, line),
            ("select" | "reject", Some(asked), _)
            | ("selectattr" | "rejectattr", _, Some(asked)) => {
                self.known("test", &asked, filters::TESTS, line);
            }
            ("lookup", Some(table), _) if !self.tables.contains_key(&table) => {
                let known: Vec<_> = self.tables.keys().map(String::as_str).collect();
                let help = match nearest(&table, &known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write it as [tables.{table}] in this file"),
                };
                self.find(line, format!("there is no table `{table}`"), Some(help));
            }
            ("lookup", None, _) if arguments.is_empty() => {
                self.find(
                    line,
                    "`lookup` needs the name of a table: `lookup('carriers')`".to_owned(),
                    None,
                );
            }
            _ => {}
        }
        for argument in arguments {
            if let ("datetime" | "date", CallArg::Kwarg("tz" | "from", Expr::Const(zone))) =
                (name, argument)
            {
                self.time_zone(&zone.value, line);
            }
        }
    }

    fn time_zone(&mut self, zone: &Value, line: u16) {
        if zone.kind() != ValueKind::String
            || filters::time_zone(zone.as_str().unwrap_or_default()).is_none()
        {
            let help = "write a name of the tz database, such as 'Asia/Shanghai'".to_owned();
            self.find(line, "the time zone is not known".to_owned(), Some(help));
        }
    }

    fn known(&mut self, what: &str, name: &str, known: &[&str], line: u16) {
        if known.contains(&name) {
            return;
        }
        let help = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("docs/rules.md lists every {what}"),
        };
        self.find(
            line,
            format!("the {what} `{name}` is not known"),
            Some(help),
        );
    }

    fn find(&mut self, line: u16, message: String, help: Option<String>) {
        self.findings.push(Finding {
            line: u32::from(line),
            message,
            help,
        });
    }
}
