//! What a rule makes of an event: the templates of recipient and values, by the kind of the message.

use std::sync::Arc;

use minijinja::Value;

use super::Rule;
use super::plan::rejection;
use super::template::Text;
use crate::catalog::Template;
use crate::event::Pointer;
use crate::message::Overflow;
use crate::message::{Card, Content, Customer, Lang, Rejection, To};

/// How a rule names the recipient.
pub(super) enum Address {
    /// By openid.
    Openid(Text),
    /// By a code of `wx.login`.
    Code(Text),
}

impl Address {
    /// The recipient of the message; nothing of that is checked yet.
    pub(super) fn render(&self, root: &Value) -> Result<To, Rejection> {
        let render = |key: &str, text: &Text| {
            text.render(root)
                .map_err(|failure| rejection(key, &failure))
        };
        match self {
            Self::Openid(text) => render("to", text).map(To::Openid),
            Self::Code(text) => render("to.js_code", text).map(To::Code),
        }
    }
}

impl Rule {
    /// Whether the login code of a recipient is taken from this place of an event, or may be.
    pub fn takes_code_from(&self, place: &Pointer) -> bool {
        let Address::Code(code) = &self.to else {
            return false;
        };
        let name: Vec<_> = place.steps().collect();
        code.source().contains(&name.join("."))
    }
}

/// One variant for each kind of message.
#[derive(Debug)]
pub(super) enum Recipe {
    Subscribe(CardRecipe),
    Customer(Customer<Text>),
}

/// How a template of `WeChat`'s is filled.
#[derive(Debug)]
pub(super) struct CardRecipe {
    pub(super) template: Arc<Template>,
    pub(super) page: Option<Text>,
    pub(super) lang: Lang,
    pub(super) params: Vec<Param>,
}

/// A param of a rule.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: Arc<str>,
    pub(super) text: Text,
    pub(super) overflow: Overflow,
}

impl Recipe {
    /// What comes of it; nothing of that is checked yet.
    pub(super) fn render(&self, root: &Value) -> Result<Content, Rejection> {
        match self {
            Self::Subscribe(card) => card.render(root).map(Content::Subscribe),
            Self::Customer(message) => {
                let message = message.try_map(|field, text| render(root, field.as_str(), text));
                message.map(Content::Customer)
            }
        }
    }
}

impl CardRecipe {
    pub(super) fn overflow_of(&self, param: &str) -> Overflow {
        self.params
            .iter()
            .find(|known| known.name.as_ref() == param)
            .map(|param| param.overflow)
            .unwrap_or_default()
    }

    /// The page, if the rule names one.
    pub(super) fn render_page(&self, root: &Value) -> Option<Result<String, Rejection>> {
        let page = self.page.as_ref()?.render(root);
        Some(page.map_err(|failure| rejection("page", &failure)))
    }

    fn render(&self, root: &Value) -> Result<Card, Rejection> {
        let page = self.render_page(root).transpose()?;
        let mut params = Vec::with_capacity(self.params.len());
        for param in &self.params {
            params.push((Arc::clone(&param.name), param.render(root)?));
        }
        Ok(Card {
            template: Arc::clone(&self.template),
            page,
            lang: self.lang,
            params,
        })
    }
}

impl Param {
    /// Its value; nothing of it is checked yet.
    pub(super) fn render(&self, root: &Value) -> Result<String, Rejection> {
        render(root, &self.name, &self.text)
    }
}

/// A value by its name; nothing of it is checked yet.
pub(super) fn render(root: &Value, name: &str, text: &Text) -> Result<String, Rejection> {
    text.render(root).map_err(|failure| Rejection {
        param: Some(Arc::from(name)),
        ..rejection(name, &failure)
    })
}
