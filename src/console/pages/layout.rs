//! What every page has around it: its head, where one can go, and who looks.

use maud::{DOCTYPE, Markup, html};

use super::look::{Look, May};
use crate::console::assets;

/// A page that one can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// How all is.
    Overview,
    /// Every outcome.
    Outcomes,
    /// What goes wrong, by code and template.
    Errors,
    /// The rules, and what they do.
    Rules,
    /// The templates, as cards.
    Templates,
    /// What users have allowed.
    Grants,
    /// What can be replayed.
    Letters,
    /// Who changed what.
    Changes,
    /// No room of the house: a message, or that nothing is there.
    None,
}

impl Room {
    /// Those that lead somewhere from every page. Changes are shown once there are records of them.
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Outcomes,
        Self::Errors,
        Self::Rules,
        Self::Templates,
        Self::Grants,
        Self::Letters,
    ];

    /// Its address behind the language.
    pub fn address(self) -> &'static str {
        match self {
            Self::Overview | Self::None => "",
            Self::Outcomes => "outcomes",
            Self::Errors => "errors",
            Self::Rules => "rules",
            Self::Templates => "templates",
            Self::Grants => "grants",
            Self::Letters => "letters",
            Self::Changes => "changes",
        }
    }

    /// The key that leads there, after `g`.
    fn key(self) -> &'static str {
        match self {
            Self::Overview | Self::None => "h",
            Self::Outcomes => "o",
            Self::Errors => "e",
            Self::Rules => "r",
            Self::Templates => "t",
            Self::Grants => "a",
            Self::Letters => "d",
            Self::Changes => "c",
        }
    }

    fn name(self, look: &Look) -> &'static str {
        let words = look.words();
        match self {
            Self::Overview | Self::None => words.overview,
            Self::Outcomes => words.outcomes,
            Self::Errors => words.errors,
            Self::Rules => words.rules,
            Self::Templates => words.templates,
            Self::Grants => words.grants,
            Self::Letters => words.letters,
            Self::Changes => words.changes,
        }
    }
}

/// A whole page. `live` is the address from which it hears news, if it does.
pub fn page(look: &Look, room: Room, title: &str, live: Option<&str>, body: &Markup) -> Markup {
    let words = look.words();
    html! {
        (DOCTYPE)
        html lang=(look.language.tag()) data-theme=(look.theme.as_str()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · wx-courier" }
                link rel="icon" href=(assets::ICON.address()) type="image/svg+xml";
                link rel="stylesheet" href=(assets::STYLE.address());
                script src=(assets::SCRIPT.address()) defer {}
            }
            body data-live=[live] data-copied=(words.copied) data-paused=(words.stream_paused) data-lost=(words.connection_lost) {
                a.skip href="#main" { (words.skip_to_content) }
                (header(look, room))
                main id="main" tabindex="-1" { (body) }
                (footer(look))
                (keys(look))
            }
        }
    }
}

fn header(look: &Look, room: Room) -> Markup {
    let words = look.words();
    html! {
        header.top {
            a.brand href=(look.link("")) { span.mark aria-hidden="true" {} "wx-courier" }
            nav.rooms aria-label=(words.pages) {
                @for each in Room::ALL {
                    a href=(look.link(each.address())) data-key=(each.key()) aria-current=[(each == room).then_some("page")] { (each.name(look)) }
                }
            }
            form.find role="search" action=(look.link("find")) method="get" {
                input #find type="search" name="id" placeholder=(words.find_placeholder) aria-label=(words.find_placeholder) autocomplete="off" spellcheck="false" maxlength="1024" data-key="/";
            }
        }
    }
}

fn footer(look: &Look) -> Markup {
    let words = look.words();
    let other = look.language.other();
    let there = format!("/{}/{}", other.path(), look.address);
    html! {
        footer.bottom {
            span { (words.signed_in_as) " " strong { (look.name) } @if look.may == May::View { " · " (words.may_view) } }
            span.right {
                a href=(there) lang=(other.tag()) hreflang=(other.tag()) { (other.name()) }
                button type="button" data-do="theme" { (words.theme) }
                button type="button" data-do="keys" { (words.keys) " " kbd { "?" } }
                form method="post" action="/sign-out" { input type="hidden" name="forgery" value=(look.forgery); button type="submit" { (words.sign_out) } }
            }
        }
    }
}

/// What the keyboard does, as a list that `?` shows.
fn keys(look: &Look) -> Markup {
    let words = look.words();
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { (words.keys) }
            dl {
                dt { kbd { "/" } } dd { (words.key_find) }
                @for room in Room::ALL {
                    dt { kbd { "g" } " " kbd { (room.key()) } } dd { (room.name(look)) }
                }
                dt { kbd { "j" } " " kbd { "k" } } dd { (words.key_rows) }
                dt { kbd { "Enter" } } dd { (words.key_open) }
                dt { kbd { "p" } } dd { (words.key_pause) }
                dt { kbd { "?" } } dd { (words.key_help) }
                dt { kbd { "Esc" } } dd { (words.key_close) }
            }
            button type="button" data-do="close" { (words.close) }
        }
    }
}

/// A page about something that is not there, or cannot be shown.
pub fn message_page(look: &Look, title: &str, said: &str) -> Markup {
    let body = html! {
        section.panel.quiet {
            h1 { (title) }
            p { (said) }
            p { a href=(look.link("")) { (look.words().overview) } }
        }
    };
    page(look, Room::None, title, None, &body)
}
