//! The templates of a rule: `MiniJinja`, with everything taken away that could hang, leak or surprise.
//!
//! Undefined is an error, nothing is escaped, no template can load another, and both the work and the output are bounded. Text
//! of an event is data: template syntax in it means nothing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Expression, Output, State, UndefinedBehavior, Value,
};

use super::filters;
use super::inspect::{self, Finding, Tables};
use crate::model::outcome::Reason;

/// What one template may do: an instruction costs one, and so do 64 bytes made or read. A value of a card takes a few dozen.
const FUEL: u64 = 50_000;
/// The longest text that a template may give, in bytes. `WeChat` takes a few dozen characters; a page may be longer.
const OUTPUT_LIMIT: usize = 64 * 1024;
/// How deep loops may call themselves.
const RECURSION_LIMIT: usize = 50;

/// The engine with our filters. A template gets a copy, which shares everything but the template itself.
static ENGINE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(RECURSION_LIMIT);
    engine.set_formatter(write_value);
    // So that errors can name the expression that was undefined. The values that the engine collects besides are not shown.
    engine.set_debug(true);
    filters::install(&mut engine);
    engine
});

/// Why a template gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    /// For a person; no value of the event in it, besides a short key that a table does not have.
    pub(super) detail: String,
}

/// A value of a rule: fixed text, or a template.
#[derive(Debug)]
pub(super) enum Text {
    /// Text without template syntax.
    Literal(String),
    /// Nothing but a path into the event, which most values are. Followed without the engine it costs half the time, and a
    /// compiled template takes 12 KiB. Whatever is not simply text or a number at its end is left to the engine.
    Path { steps: Vec<Value>, source: String },
    /// A template, alone in its engine and named after its key.
    Template {
        engine: Box<Environment<'static>>,
        key: String,
    },
}

impl Text {
    /// Compiles a value of a rule. `key` is its name in the file: filters such as `fit` go by it.
    pub(super) fn compile(key: &str, source: &str, tables: &Tables) -> Result<Self, Vec<Finding>> {
        if !["{{", "{%", "{#"]
            .iter()
            .any(|start| source.contains(start))
        {
            return Ok(Self::Literal(source.to_owned()));
        }
        let findings = inspect::template(source, tables);
        if !findings.is_empty() {
            return Err(findings);
        }
        if let Some(steps) = inspect::plain_path(source) {
            return Ok(Self::Path {
                steps,
                source: source.to_owned(),
            });
        }
        let mut engine = Box::new(ENGINE.clone());
        engine
            .add_template_owned(key.to_owned(), source.to_owned())
            .map_err(|error| vec![Finding::syntax(&error)])?;
        Ok(Self::Template {
            engine,
            key: key.to_owned(),
        })
    }

    /// As it stands in the rule.
    pub(super) fn source(&self) -> Cow<'_, str> {
        match self {
            Self::Literal(text) => Cow::from(text),
            Self::Path { source, .. } => Cow::from(source),
            Self::Template { engine, key } => {
                let template = engine.get_template(key);
                template.map_or_else(
                    |_| Cow::default(),
                    |template| Cow::from(template.source().to_owned()),
                )
            }
        }
    }

    /// Whether the suffix of a `fit` stands alone in it, because the text before is empty. For people who look: it is rendered once more.
    pub(super) fn has_lone_suffix(&self, root: &Value) -> bool {
        let Self::Template { engine, key } = self else {
            return false;
        };
        let mut telling = Environment::clone(engine);
        telling.add_filter("fit", filters::fit_or_tell);
        let rendered = telling
            .get_template(key)
            .and_then(|template| template.render(root.clone()));
        rendered.is_err_and(|error| filters::is_lone_suffix(&error))
    }

    /// The text that comes of it if every `fit` leaves its text whole; `None` where there is none, or it fails. For people who look.
    pub(super) fn render_whole(&self, root: &Value) -> Option<String> {
        let Self::Template { engine, key } = self else {
            return None;
        };
        let mut whole = Environment::clone(engine);
        whole.add_filter("fit", filters::leave_whole);
        let template = whole.get_template(key).ok()?;
        let text = template.render(root.clone()).ok()?;
        (text.len() <= OUTPUT_LIMIT).then_some(text)
    }

    /// The text that comes of it.
    pub(super) fn render(&self, root: &Value) -> Result<String, Failure> {
        let text = match self {
            Self::Literal(text) => return Ok(text.clone()),
            Self::Path { steps, source } => match follow(steps, root) {
                Some(text) => text,
                None => ENGINE
                    .render_named_str("path", source, root.clone())
                    .map_err(|error| explain(&error, source))?,
            },
            Self::Template { engine, key } => {
                let template = engine
                    .get_template(key)
                    .map_err(|error| explain(&error, ""))?;
                template
                    .render(root.clone())
                    .map_err(|error| explain(&error, template.source()))?
            }
        };
        if text.len() > OUTPUT_LIMIT {
            let detail = format!(
                "the template gave more than {} KiB of text",
                OUTPUT_LIMIT / 1024
            );
            return Err(Failure {
                reason: Reason::RuleError,
                detail,
            });
        }
        Ok(text)
    }
}

/// A condition: a bare expression.
#[derive(Debug)]
pub(super) struct Condition {
    expression: Expression<'static, 'static>,
    source: String,
}

impl Condition {
    /// As it stands in the rule.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// What it looks at: `data.amount_fen`.
    pub(super) fn names(&self) -> HashSet<String> {
        self.expression.undeclared_variables(true)
    }

    pub(super) fn compile(source: &str, tables: &Tables) -> Result<Self, Vec<Finding>> {
        let findings = inspect::expression(source, tables);
        if !findings.is_empty() {
            return Err(findings);
        }
        let expression = ENGINE
            .compile_expression_owned(source.to_owned())
            .map_err(|error| vec![Finding::syntax(&error)])?;
        Ok(Self {
            expression,
            source: source.to_owned(),
        })
    }

    /// Whether it holds. Zero, empty text and empty lists do not; what is undefined is an error.
    pub(super) fn holds(&self, root: &Value) -> Result<bool, Failure> {
        let answer = self
            .expression
            .eval(root.clone())
            .map_err(|error| explain(&error, &self.source))?;
        if answer.is_undefined() {
            return Err(explain(
                &Error::from(ErrorKind::UndefinedError),
                &self.source,
            ));
        }
        Ok(answer.is_true())
    }
}

/// What an expression gives; `None` where it fails.
pub(super) fn expression_value(source: &str, root: &Value) -> Option<Value> {
    let expression = ENGINE.compile_expression(source).ok()?;
    expression.eval(root.clone()).ok()
}

fn follow(steps: &[Value], root: &Value) -> Option<String> {
    let mut value = root.clone();
    for step in steps {
        value = value.get_item(step).ok()?;
    }
    text_of(&value).ok()
}

/// How a value becomes text: text as it is, numbers with all their digits, and nothing else.
pub(super) fn text_of(value: &Value) -> Result<String, Error> {
    if let Some(text) = value.as_str() {
        return Ok(text.to_owned());
    }
    if value.is_undefined() || value.is_none() {
        return Err(missing(value));
    }
    if value.is_integer() {
        return Ok(value.to_string());
    }
    if value.kind() != ValueKind::Number {
        let found = filters::kind_name(value.kind());
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("expected text or a number, found {found}"),
        ));
    }
    match f64::try_from(value.clone()) {
        Ok(float) if float.is_finite() => Ok(format!("{float}")),
        _ => Err(Error::new(
            ErrorKind::InvalidOperation,
            "the number is not finite",
        )),
    }
}

/// The error for a value that is not there. Asking an undefined value for anything makes one that knows what was undefined.
pub(super) fn missing(value: &Value) -> Error {
    value
        .get_attr("")
        .err()
        .unwrap_or_else(|| Error::from(ErrorKind::UndefinedError))
}

fn write_value(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => out.write_str(text)?,
        None => out.write_str(&text_of(value)?)?,
    }
    Ok(())
}

/// The engine's error in our words: what failed and where in the template, without the event's values.
fn explain(error: &Error, source: &str) -> Failure {
    let place = place_of(error, source);
    if error.kind() == ErrorKind::UndefinedError {
        let named = error.detail().and_then(|detail| detail.split('`').nth(1));
        let is_path = place
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '\'' | '"'));
        let detail = match named {
            Some(name) => format!("`{name}` is not in the event"),
            None if is_path => format!("`{place}` is null"),
            None => format!("a value is null, in `{place}`"),
        };
        return Failure {
            reason: Reason::ValueMissing,
            detail,
        };
    }
    if error.kind() == ErrorKind::OutOfFuel {
        return Failure {
            reason: Reason::RuleError,
            detail: "the template works too long or makes too much".to_owned(),
        };
    }
    let what = match error.detail() {
        // The engine puts both operands into this text.
        Some(detail) if detail.starts_with("unable to calculate") => {
            "the numbers are too large, or divided by zero".to_owned()
        }
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    Failure {
        reason: Reason::RuleError,
        detail: format!("{what}, in `{place}`"),
    }
}

/// What stands between the braces where it failed; without braces, the whole expression.
fn place_of(error: &Error, source: &str) -> String {
    const SHOWN: usize = 80;
    let range = error.range().unwrap_or_default();
    let (before, after) = (
        source.get(..range.start).unwrap_or_default(),
        source.get(range.end..).unwrap_or_default(),
    );
    let start = before
        .rfind("{{")
        .max(before.rfind("{%"))
        .map_or(0, |at| at + 2);
    let end = [after.find("}}"), after.find("%}")]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(after.len());
    let inside = source.get(start..range.end + end).unwrap_or(source);
    inside
        .trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '+'))
        .chars()
        .take(SHOWN)
        .collect()
}

#[cfg(test)]
mod tests;
