//! Customer-service messages: the windows that a user's own acts open, and what may be sent through them.
//!
//! WeChat: `message/custom/send`, the codes 45015 and 45047.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::answer::{Refusal, Reply};
use crate::call::{Incoming, read_json};
use crate::callbacks;
use crate::log::Taken;
use crate::state::{State, lock};

/// WeChat: after a message of the user, five messages within 48 hours.
const AFTER_MESSAGE: (u32, u64) = (5, 48 * 3_600_000);
/// WeChat: after the user entered the session, two messages within a minute.
const AFTER_ENTER: (u32, u64) = (2, 60_000);
/// WeChat: a text has at most 2048 bytes.
const MOST_TEXT: usize = 2048;
/// Media ids of which the sandbox says that they exist.
const MEDIA: &str = "media-";

/// What a user did in the customer-service session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Act {
    /// The user wrote something.
    Message { text: String },
    /// The user opened it, from a button that may say where it stood.
    Enter { session_from: String },
}

/// So many messages may be sent until then.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(super) struct Window {
    pub(super) left: u32,
    pub(super) until_ms: u64,
}

impl Window {
    fn open((left, for_ms): (u32, u64), now_ms: u64) -> Self {
        Self {
            left,
            until_ms: now_ms.saturating_add(for_ms),
        }
    }

    fn is_open(self, now_ms: u64) -> bool {
        now_ms < self.until_ms
    }
}

/// The windows of one user. A new act opens its window anew; how WeChat adds them up is not documented.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(super) struct Windows {
    pub(super) message: Window,
    pub(super) enter: Window,
}

impl Windows {
    fn open(&mut self, after: &Act, now_ms: u64) {
        match after {
            Act::Message { .. } => self.message = Window::open(AFTER_MESSAGE, now_ms),
            Act::Enter { .. } => self.enter = Window::open(AFTER_ENTER, now_ms),
        }
    }

    /// Takes one message from the window that closes first.
    fn take(&mut self, now_ms: u64) -> Result<(), Refusal> {
        let mut open = [&mut self.enter, &mut self.message];
        open.sort_by_key(|window| window.until_ms);
        let mut open = open
            .into_iter()
            .filter(|window| window.is_open(now_ms))
            .peekable();
        if open.peek().is_none() {
            return Err(Refusal::of(45015));
        }
        let window = open
            .find(|window| window.left > 0)
            .ok_or_else(|| Refusal::of(45047))?;
        window.left -= 1;
        Ok(())
    }
}

/// A user does something in the session: the user's windows afterwards.
pub(super) fn act(state: &State, appid: &str, openid: &str, act: &Act) -> Windows {
    let now_ms = state.clock.now_ms();
    let mut users = lock(&state.users);
    let windows = &mut users.of(appid, openid).windows;
    windows.open(act, now_ms);
    let windows = *windows;
    drop(users);
    callbacks::customer(state, appid, openid, act);
    windows
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CustomBody {
    touser: String,
    msgtype: String,
    text: Option<TextBody>,
    image: Option<ImageBody>,
    link: Option<LinkBody>,
    miniprogrampage: Option<PageBody>,
}

#[derive(Deserialize)]
struct TextBody {
    content: String,
}

#[derive(Deserialize)]
struct ImageBody {
    media_id: String,
}

#[derive(Deserialize)]
struct LinkBody {
    title: String,
    description: String,
    url: String,
    #[serde(default)]
    thumb_url: String,
}

#[derive(Deserialize)]
struct PageBody {
    title: String,
    pagepath: String,
    thumb_media_id: String,
}

impl CustomBody {
    /// Checks the part that `msgtype` names; the others are not looked at.
    fn check(&self) -> Result<(), Refusal> {
        let missing = || Refusal::of(47001);
        let filled = |text: &str| {
            if text.is_empty() {
                Err(Refusal::of(44004))
            } else {
                Ok(())
            }
        };
        let exists = |media_id: &str| {
            if media_id.starts_with(MEDIA) {
                Ok(())
            } else {
                Err(Refusal::of(40007))
            }
        };
        match self.msgtype.as_str() {
            "text" => {
                let text = self.text.as_ref().ok_or_else(missing)?;
                filled(&text.content)?;
                if text.content.len() > MOST_TEXT {
                    return Err(Refusal::of(45002));
                }
                Ok(())
            }
            "image" => exists(&self.image.as_ref().ok_or_else(missing)?.media_id),
            "link" => {
                let link = self.link.as_ref().ok_or_else(missing)?;
                filled(&link.title)?;
                filled(&link.description)?;
                let is_url = |url: &str| url.starts_with("http://") || url.starts_with("https://");
                if is_url(&link.url) && (link.thumb_url.is_empty() || is_url(&link.thumb_url)) {
                    Ok(())
                } else {
                    Err(Refusal::of(40066))
                }
            }
            "miniprogrampage" => {
                let page = self.miniprogrampage.as_ref().ok_or_else(missing)?;
                filled(&page.title)?;
                filled(&page.pagepath)?;
                exists(&page.thumb_media_id)
            }
            _ => Err(Refusal::of(40008)),
        }
    }
}

/// `POST /cgi-bin/message/custom/send`.
pub(super) fn send(
    state: &State,
    appid: &Arc<str>,
    asked: &Incoming<'_>,
) -> Result<(Reply, Taken), Refusal> {
    let body: CustomBody = read_json(asked.body)?;
    if !lock(&state.openids).know(&body.touser) {
        return Err(Refusal::of(40003));
    }
    body.check()?;
    let mut users = lock(&state.users);
    let user = users
        .find(appid, &body.touser)
        .ok_or_else(|| Refusal::of(45015))?;
    user.windows.take(asked.now_ms)?;
    drop(users);
    let msgid = state.next_msgid();
    let taken = lock(&state.log).add_custom(Arc::clone(appid), asked.body, msgid, asked.now_ms);
    Ok((Reply::ok(), taken))
}

/// The user to whom a body is addressed, for the scripts that ask for one user.
pub(super) fn touser(body: &[u8]) -> String {
    read_json::<CustomBody>(body).map_or_else(|_| String::new(), |body| body.touser)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    const MESSAGE: Act = Act::Message {
        text: String::new(),
    };
    const ENTER: Act = Act::Enter {
        session_from: String::new(),
    };

    fn code(taken: Result<(), Refusal>) -> i64 {
        taken.map_or_else(|refusal| refusal.code, |()| 0)
    }

    #[test]
    fn windows_open_and_close() {
        let mut windows = Windows::default();
        assert_eq!(code(windows.take(0)), 45015);
        windows.open(&MESSAGE, 0);
        assert!((0..5).all(|_| windows.take(HOUR_MS).is_ok()));
        assert_eq!(code(windows.take(HOUR_MS)), 45047);
        windows.open(&MESSAGE, HOUR_MS);
        assert_eq!(code(windows.take(49 * HOUR_MS - 1)), 0);
        assert_eq!(code(windows.take(49 * HOUR_MS)), 45015);
    }

    #[test]
    fn what_closes_first_is_used_first() {
        let mut windows = Windows::default();
        windows.open(&MESSAGE, 0);
        windows.open(&ENTER, 0);
        assert!((0..2).all(|_| windows.take(1).is_ok()));
        assert_eq!((windows.enter.left, windows.message.left), (0, 5));
        assert_eq!(code(windows.take(1)), 0);
        assert_eq!(windows.message.left, 4);
        windows.message.left = 0;
        assert_eq!(code(windows.take(1)), 45047);
        assert_eq!(code(windows.take(60_000)), 45047);
    }

    fn check(body: &str, expected: i64) {
        let read = read_json::<CustomBody>(body.as_bytes());
        assert_eq!(code(read.and_then(|body| body.check())), expected, "{body}");
    }

    #[test]
    fn each_type_has_its_part() {
        check(r#"{"msgtype":"text","text":{"content":"x"}}"#, 0);
        check(r#"{"msgtype":"text","text":{"content":""}}"#, 44004);
        check(r#"{"msgtype":"text"}"#, 47001);
        check(r#"{"msgtype":"text","text":"x"}"#, 47001);
        let long = "x".repeat(2049);
        check(
            &format!(r#"{{"msgtype":"text","text":{{"content":"{long}"}}}}"#),
            45002,
        );
        check(r#"{"msgtype":"image","image":{"media_id":"media-1"}}"#, 0);
        check(r#"{"msgtype":"image","image":{"media_id":"x"}}"#, 40007);
        let link = |url: &str| {
            format!(
                r#"{{"msgtype":"link","link":{{"title":"t","description":"d","url":"{url}","thumb_url":""}}}}"#
            )
        };
        check(&link("https://x"), 0);
        check(&link("x"), 40066);
        let page = |media: &str| {
            format!(
                r#"{{"msgtype":"miniprogrampage","miniprogrampage":{{"title":"t","pagepath":"pages/x","thumb_media_id":"{media}"}}}}"#
            )
        };
        check(&page("media-1"), 0);
        check(&page("1"), 40007);
        check(r#"{"msgtype":"voice"}"#, 40008);
        check("{}", 40008);
        check("", 44002);
        check("[]", 47001);
    }
}
