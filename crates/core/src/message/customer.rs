//! A customer-service message: what may be said to a user who has just spoken.
//!
//! `WeChat`: custom/send. Its page names four types and their fields, all of them required, and no limits; where a limit is checked here,
//! the comment at it says where it comes from.

use super::card::of_value;
use super::leftover::{Sight, leftovers};
use super::{LONGEST_PAGE_BYTES, Rejection, check_page};
use crate::model::outcome::Reason;
use crate::wechat::params::{Extent, Violation, normalise, without_invisible};

/// A customer-service message of one of four types. `V` is what stands for each value: a template in a rule, text in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Customer<V = String> {
    /// Text, with line breaks if wanted. `WeChat`: `msgtype` `text`.
    Text {
        /// `content`
        text: V,
    },
    /// A picture. `WeChat`: `msgtype` `image`.
    Image {
        /// The id that `WeChat` gave the picture when it was uploaded; as temporary media it is good for three days.
        media_id: V,
    },
    /// A card that opens a web page. `WeChat`: `msgtype` `link`.
    Link {
        /// What stands above.
        title: V,
        /// What stands below it.
        description: V,
        /// The web page.
        url: V,
        /// The address of its picture.
        thumb_url: V,
    },
    /// A card that opens a page of the mini program. `WeChat`: `msgtype` `miniprogrampage`.
    Page {
        /// What stands above.
        title: V,
        /// The page, with its query.
        pagepath: V,
        /// The id that `WeChat` gave its picture when it was uploaded.
        thumb_media_id: V,
    },
}

/// A field of a customer-service message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `text`
    Text,
    /// `media_id`
    MediaId,
    /// `title`
    Title,
    /// `description`
    Description,
    /// `url`
    Url,
    /// `thumb_url`
    ThumbUrl,
    /// `pagepath`
    Pagepath,
    /// `thumb_media_id`
    ThumbMediaId,
}

impl<V> Customer<V> {
    /// Every field with its value.
    pub fn fields(&self) -> Vec<(Field, &V)> {
        match self {
            Self::Text { text } => vec![(Field::Text, text)],
            Self::Image { media_id } => vec![(Field::MediaId, media_id)],
            Self::Link {
                title,
                description,
                url,
                thumb_url,
            } => vec![
                (Field::Title, title),
                (Field::Description, description),
                (Field::Url, url),
                (Field::ThumbUrl, thumb_url),
            ],
            Self::Page {
                title,
                pagepath,
                thumb_media_id,
            } => vec![
                (Field::Title, title),
                (Field::Pagepath, pagepath),
                (Field::ThumbMediaId, thumb_media_id),
            ],
        }
    }

    /// The message that comes of it when each value becomes another; the first that cannot is the error.
    pub fn try_map<U, E>(
        &self,
        mut change: impl FnMut(Field, &V) -> Result<U, E>,
    ) -> Result<Customer<U>, E> {
        Ok(match self {
            Self::Text { text } => Customer::Text {
                text: change(Field::Text, text)?,
            },
            Self::Image { media_id } => Customer::Image {
                media_id: change(Field::MediaId, media_id)?,
            },
            Self::Link {
                title,
                description,
                url,
                thumb_url,
            } => Customer::Link {
                title: change(Field::Title, title)?,
                description: change(Field::Description, description)?,
                url: change(Field::Url, url)?,
                thumb_url: change(Field::ThumbUrl, thumb_url)?,
            },
            Self::Page {
                title,
                pagepath,
                thumb_media_id,
            } => Customer::Page {
                title: change(Field::Title, title)?,
                pagepath: change(Field::Pagepath, pagepath)?,
                thumb_media_id: change(Field::ThumbMediaId, thumb_media_id)?,
            },
        })
    }
}

impl Customer {
    /// The message with values as they are sent, if all of them fit.
    pub(super) fn checked(self) -> Result<Self, Rejection> {
        self.try_map(|field, value| {
            field
                .check(value)
                .map_err(|violation| of_value(field.as_str(), &violation))
        })
    }
}

impl Field {
    /// Its name in rules, tests of rules and outcomes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::MediaId => "media_id",
            Self::Title => "title",
            Self::Description => "description",
            Self::Url => "url",
            Self::ThumbUrl => "thumb_url",
            Self::Pagepath => "pagepath",
            Self::ThumbMediaId => "thumb_media_id",
        }
    }

    /// How a customer sees it; `None` for an id, which only `WeChat` reads.
    pub fn sight(self) -> Option<Sight> {
        match self {
            Self::Text | Self::Title | Self::Description => Some(Sight::Text),
            Self::Url | Self::ThumbUrl | Self::Pagepath => Some(Sight::Address),
            Self::MediaId | Self::ThumbMediaId => None,
        }
    }

    /// What is hardly meant in a value that fits: sentences.
    pub(super) fn doubts(self, value: &str) -> Vec<String> {
        let sight = self.sight().into_iter();
        let found = sight.flat_map(|sight| leftovers(sight, value));
        found.map(|leftover| leftover.to_string()).collect()
    }

    /// The value as it is sent, if it may be.
    pub fn written(self, value: &str) -> String {
        match self {
            Self::Pagepath => value.trim().to_owned(),
            Self::Text => lines_of(value),
            Self::Url
            | Self::ThumbUrl
            | Self::Title
            | Self::Description
            | Self::MediaId
            | Self::ThumbMediaId => normalise(value),
        }
    }

    /// How long a written value is, and how long it may be.
    pub fn extent(self, value: &str) -> Extent {
        // The API has codes for text, titles and descriptions that are too long (45002 to 45005), and its page says nowhere what that is. For
        // the text of replies, which the same clients show, WeChat says 2048 bytes, and SDKs split customer-service text there.
        const LONGEST_TEXT_BYTES: usize = 2048;
        // No figure is known: whatever is longer is a mistake of the template.
        const LONGEST_BYTES: usize = 1024;
        let limit = match self {
            Self::Pagepath => LONGEST_PAGE_BYTES,
            Self::Text | Self::Url | Self::ThumbUrl => LONGEST_TEXT_BYTES,
            Self::Title | Self::Description | Self::MediaId | Self::ThumbMediaId => LONGEST_BYTES,
        };
        Extent::of_bytes(value, limit)
    }

    /// The value as it is sent, if it fits.
    pub fn check(self, value: &str) -> Result<String, Violation> {
        let empty = || Violation {
            reason: Reason::ParamEmpty,
            detail: "the value is empty".to_owned(),
        };
        if self == Self::Pagepath {
            return check_page(value)?.ok_or_else(empty);
        }
        let value = self.written(value);
        if value.is_empty() {
            return Err(empty());
        }
        let Extent { length, limit, .. } = self.extent(&value);
        if let Some(limit) = limit.filter(|limit| length > *limit) {
            return Err(Violation {
                reason: Reason::ParamTooLong,
                detail: format!(
                    "at most {limit} bytes fit (a Han character has three), found {length}"
                ),
            });
        }
        match self {
            Self::Url | Self::ThumbUrl => check_url(&value)?,
            Self::MediaId | Self::ThumbMediaId => check_media_id(&value)?,
            Self::Text | Self::Title | Self::Description | Self::Pagepath => {}
        }
        Ok(value)
    }
}

/// Text as a person writes it: its line breaks stay, every other control character becomes a space, and what shows nothing goes.
fn lines_of(text: &str) -> String {
    let text = without_invisible(text).replace("\r\n", "\n");
    let lines: Vec<String> = text.trim().lines().map(normalise_line).collect();
    lines.join("\n")
}

/// The beginning of a line may be indented; its end shows the user nothing.
fn normalise_line(line: &str) -> String {
    let spaced = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>();
    spaced.trim_end().to_owned()
}

fn check_url(value: &str) -> Result<(), Violation> {
    let malformed = |detail: &str| Violation {
        reason: Reason::ParamMalformed,
        detail: detail.to_owned(),
    };
    if value.contains(char::is_whitespace) {
        return Err(malformed(
            "expected a web address without spaces; use the filter `urlencode` for values",
        ));
    }
    let host = value.split_once("://").and_then(|(scheme, rest)| {
        let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        is_web.then_some(host)
    });
    match host {
        Some(host) if !host.is_empty() => Ok(()),
        Some(_) | None => Err(malformed(
            "expected a whole web address that begins with https:// or http://",
        )),
    }
}

fn check_media_id(value: &str) -> Result<(), Violation> {
    let stray = value
        .chars()
        .find(|c| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '"' | '<' | '>'));
    match stray {
        None => Ok(()),
        Some('/' | ':') => Err(Violation {
            reason: Reason::ParamMalformed,
            detail: "expected the id that WeChat gave the picture when it was uploaded (`media_id`), found an address or a path"
                .to_owned(),
        }),
        Some(stray) => Err(Violation {
            reason: Reason::ParamMalformed,
            detail: format!(
                "expected the id that WeChat gave the picture when it was uploaded (`media_id`), found `{stray}`"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(field: Field, value: &str) -> Reason {
        field.check(value).unwrap_err().reason
    }

    #[test]
    fn text_keeps_its_lines() {
        let check = |text: &str| Field::Text.check(text).unwrap();
        assert_eq!(check(" 您好\r\n\r\n  单号\t1 \n"), "您好\n\n  单号 1");
        assert_eq!(refused(Field::Text, " \n\t "), Reason::ParamEmpty);
    }

    #[test]
    fn text_is_measured_in_bytes() {
        assert!(Field::Text.check(&"x".repeat(2048)).is_ok());
        assert!(Field::Text.check(&"汉".repeat(682)).is_ok());
        for long in ["x".repeat(2049), "汉".repeat(683)] {
            assert_eq!(refused(Field::Text, &long), Reason::ParamTooLong);
        }
    }

    #[test]
    fn addresses_are_whole_and_of_the_web() {
        for good in ["https://example.com/a?b=c", "HTTP://example.com"] {
            assert_eq!(Field::Url.check(good).as_deref(), Ok(good));
        }
        for bad in [
            "example.com",
            "pages/a",
            "ftp://example.com",
            "https://",
            "https:///a",
            "javascript://x",
            "https://example.com/a b",
        ] {
            assert_eq!(refused(Field::Url, bad), Reason::ParamMalformed, "{bad}");
        }
    }

    #[test]
    fn a_media_id_is_no_address() {
        let good = "UqVf_mJoqsJxs-gQxqas8yKfZSHuBK0";
        assert_eq!(Field::MediaId.check(good).as_deref(), Ok(good));
        for bad in ["https://example.com/a.png", "a b", "图片"] {
            assert_eq!(refused(Field::MediaId, bad), Reason::ParamMalformed);
        }
    }

    #[test]
    fn a_page_of_the_mini_program_is_checked_as_those_of_cards_are() {
        assert!(Field::Pagepath.check("pages/order?id=1").is_ok());
        assert_eq!(
            refused(Field::Pagepath, "https://example.com"),
            Reason::PageMalformed
        );
        assert_eq!(refused(Field::Pagepath, " "), Reason::ParamEmpty);
    }
}
