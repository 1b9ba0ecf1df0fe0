//! The few pages for people who are not let in.

use form_urlencoded::byte_serialize;
use maud::{DOCTYPE, Markup, html};

use super::sign_in::{SIGN_IN, TO_FIELD, TOKEN_FIELD};

/// What stands on them.
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    /// The language, as browsers name it.
    pub language: &'static str,
    /// What the console is called.
    pub console: &'static str,
    /// Above the form, and on its button.
    pub sign_in: &'static str,
    /// What the form wants.
    pub token: &'static str,
    /// Where a token comes from.
    pub about_token: &'static str,
    /// The token was none.
    pub wrong_token: &'static str,
    /// Too many were none; before the number of seconds.
    pub wait: &'static str,
    /// After that number.
    pub seconds: &'static str,
    /// Above a refusal.
    pub refused: &'static str,
    /// The link to the first page.
    pub to_the_overview: &'static str,
    /// The link where the browser does not follow by itself.
    pub go_on: &'static str,
}

/// In English.
pub const ENGLISH: Texts = Texts {
    language: "en",
    console: "wx-courier console",
    sign_in: "Sign in",
    token: "Your token",
    about_token: "`wx-courier console token NAME` makes one; who runs the console has it.",
    wrong_token: "This is no token of this console.",
    wait: "Too many wrong tokens have come from your address. Try again in",
    seconds: "s.",
    refused: "This is not possible",
    to_the_overview: "To the overview",
    go_on: "Go on",
};

/// What is wrong with the token that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is none.
    WrongToken,
    /// Nothing was looked at: after so many seconds it is.
    Wait(u64),
}

/// The page to sign in. `to` is where it leads.
pub fn sign_in(texts: &Texts, to: &str, trouble: Option<Trouble>) -> Markup {
    let body = html! {
        h1 { (texts.sign_in) }
        form method="post" action=(SIGN_IN) {
            input type="hidden" name=(TO_FIELD) value=(to);
            label for="token" { (texts.token) }
            input id="token" name=(TOKEN_FIELD) type="password" autocomplete="current-password" required autofocus
                aria-describedby="about" aria-invalid=[trouble.map(|_| "true")];
            @match trouble {
                Some(Trouble::WrongToken) => p role="alert" { (texts.wrong_token) },
                Some(Trouble::Wait(seconds)) => {
                    p role="alert" { (texts.wait) " " (seconds) " " (texts.seconds) }
                },
                None => {},
            }
            p id="about" { (texts.about_token) }
            button type="submit" { (texts.sign_in) }
        }
    };
    layout(texts, texts.sign_in, &html! {}, &body)
}

/// The page that says why not.
pub(super) fn refused(texts: &Texts, why: &str, way_on: WayOn) -> Markup {
    let body = html! {
        h1 { (texts.refused) }
        p { (why) "." }
        p {
            @match way_on {
                WayOn::SignIn => a href=(SIGN_IN) { (texts.sign_in) },
                WayOn::Overview => a href="/" { (texts.to_the_overview) },
            }
        }
    };
    layout(texts, texts.refused, &html! {}, &body)
}

/// Where a page that refuses leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WayOn {
    SignIn,
    Overview,
}

/// A page that leads on by itself. What follows it comes from us, also for a browser that has come from elsewhere and keeps its cookie back so far.
pub(super) fn onward(texts: &Texts, to: &str) -> Markup {
    let head = html! {
        meta http-equiv="refresh" content={ "0; url=" (to) };
    };
    let body = html! {
        p { a href=(to) { (texts.go_on) } }
    };
    layout(texts, texts.console, &head, &body)
}

/// The address of the page to sign in that leads there.
pub(super) fn sign_in_address(to: &str) -> String {
    if to == "/" {
        return SIGN_IN.to_owned();
    }
    let to: String = byte_serialize(to.as_bytes()).collect();
    format!("{SIGN_IN}?{TO_FIELD}={to}")
}

/// THE LAYOUT: what stands around these pages. The console's own takes its place here.
fn layout(texts: &Texts, title: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(texts.language) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (texts.console) }
                (head)
            }
            body { main { (body) } }
        }
    }
}
