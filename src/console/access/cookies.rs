//! The cookie by which a browser is known again.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::people::Wire;
use crate::config::Secret;

/// Cookies of one name that are looked at: a browser sends several if pages of other ports or paths have set some.
const MOST_COOKIES: usize = 4;

/// The name of ours. Browsers do not tell ports apart: with the port in the name, two consoles of one machine leave each other in peace.
pub(super) struct Cookies {
    name: String,
}

impl Cookies {
    pub(super) fn of(port: u16) -> Self {
        Self {
            name: format!("wx_courier_console_{port}"),
        }
    }

    /// The ids of sessions that the browser says.
    pub(super) fn sessions<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> impl Iterator<Item = Secret> + 'a {
        let ours = cookies_named(headers, &self.name);
        ours.map(Secret::new).take(MOST_COOKIES)
    }

    /// What makes the browser say this session from now on. It does so until it is closed, and only to us: not where a page of another site leads
    /// here, and not to any script.
    pub(super) fn of_session(&self, id: &Secret, wire: Wire) -> String {
        self.cookie(id.expose(), "", wire)
    }

    /// What makes it forget.
    pub(super) fn of_none(&self, wire: Wire) -> String {
        self.cookie("", "; Max-Age=0", wire)
    }

    fn cookie(&self, value: &str, life: &str, wire: Wire) -> String {
        let name = &self.name;
        let secure = match wire {
            Wire::Encrypted => "; Secure",
            Wire::NotKnown => "",
        };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{life}{secure}")
    }
}

/// What the browser says under this name.
pub(in crate::console) fn cookies_named<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let cookies = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    cookies.filter_map(move |cookie| {
        let (known, value) = cookie.trim().split_once('=')?;
        (known == name).then_some(value)
    })
}

/// Adds a cookie to an answer.
pub(super) fn set(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
