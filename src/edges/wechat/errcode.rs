//! Every code that `message/subscribe/send`, `message/custom/send` and the token endpoints are known to answer, and what it means for us.
//!
//! Codes and meanings: `WeChat`'s pages "subscribeMessage.send", "sendCustomMessage" and "getStableAccessToken", its global return codes, and reports of
//! developers where the pages are silent. A code that is not listed is `Unlisted`: tried again a few times, then given up.

use super::api::Credential;
use wx_courier_core::wechat::Class;

/// Code, meaning for its reader, class for the core. In the order of the codes.
const TABLE: &[(i64, &str, Class)] = &[
    (-1, "WeChat is busy", Class::Busy),
    (404, "wrong path", Class::Bug),
    (
        40001,
        "the token is invalid or not the latest",
        Class::Token,
    ),
    (40003, "no such user in this app", Class::UnknownRecipient),
    (40007, "no such media", Class::UnknownMedia),
    (40008, "no such type of message", Class::Bug),
    (40013, "wrong appid", Class::Account),
    (40014, "the token is malformed", Class::Token),
    (
        40037,
        "no such template in this app",
        Class::UnknownTemplate,
    ),
    (40066, "wrong url", Class::BadContent),
    (40125, "wrong AppSecret", Class::Account),
    (
        40164,
        "this address is not on the app's IP list",
        Class::Account,
    ),
    (40165, "wrong mini-program path", Class::UnknownPage),
    (40243, "the AppSecret is frozen", Class::Account),
    (40400, "bad HTTP message", Class::Bug),
    (41001, "no token in the request", Class::Bug),
    (
        41028,
        "wrong form id, of a kind of message that is withdrawn",
        Class::Bug,
    ),
    (
        41029,
        "form id used up, of a kind of message that is withdrawn",
        Class::Bug,
    ),
    (
        41030,
        "the page is not in the released version",
        Class::UnknownPage,
    ),
    (42001, "the token has expired", Class::Token),
    (43002, "the request must be a POST", Class::Bug),
    (
        43101,
        "the user has not subscribed, or the subscription is used up",
        Class::NotSubscribed,
    ),
    (
        43106,
        "templates cannot be added, as a punishment",
        Class::Banned,
    ),
    (
        43107,
        "subscribe messages are banned for this app or template",
        Class::Banned,
    ),
    (
        43108,
        "another send to the same user is under way",
        Class::Concurrent,
    ),
    (43116, "the template is banned", Class::Banned),
    (44002, "the body is empty", Class::Bug),
    (44004, "the text is empty", Class::BadParam),
    (45002, "the text is too long", Class::BadParam),
    (45003, "the title is too long", Class::BadParam),
    (45004, "the description is too long", Class::BadParam),
    (45005, "the url is too long", Class::BadParam),
    (45009, "the daily quota is used up", Class::DailyQuota),
    (
        45011,
        "the quota of this minute is used up",
        Class::MinuteQuota,
    ),
    (
        45015,
        "outside the window for customer-service messages",
        Class::WindowClosed,
    ),
    (
        45047,
        "too many customer-service messages",
        Class::WindowUsedUp,
    ),
    (45103, "this API is withdrawn", Class::Bug),
    (45109, "this API is withdrawn", Class::Bug),
    (
        45168,
        "the content holds a word that is not allowed",
        Class::BadContent,
    ),
    (47001, "the body is not JSON", Class::Bug),
    (47002, "the body escapes its characters", Class::Bug),
    (47003, "a value breaks its rule", Class::BadParam),
    (48001, "the account may not use this API", Class::Api),
    (48004, "this API is banned for the account", Class::Api),
    (
        50001,
        "the user has not authorised this API",
        Class::NotAuthorised,
    ),
    (
        50002,
        "the account is restricted, frozen or cancelled",
        Class::Account,
    ),
    (50004, "the account may not use tokens", Class::Account),
    (
        61003,
        "the app has not authorised the platform",
        Class::Account,
    ),
    (61004, "this address may not call", Class::Account),
    (
        61007,
        "the app has not granted this API to the platform",
        Class::Api,
    ),
    (
        61023,
        "the platform's refresh token is wrong",
        Class::Account,
    ),
    (
        61024,
        "the platform must use its own token API",
        Class::Account,
    ),
    (
        89503,
        "this address waits for an administrator's confirmation",
        Class::Account,
    ),
    (
        89506,
        "an administrator refused this address for 24 hours",
        Class::Account,
    ),
    (
        89507,
        "an administrator refused this address for an hour",
        Class::Account,
    ),
];

/// What a code means for us, at a send, a login, or whatever else is called: there is no other place that knows account trouble. To a call that shows the AppSecret, 40001 is the secret's fault, and several more are the account's.
pub(super) fn class_of(credential: Credential, errcode: i64) -> Class {
    match (credential, errcode) {
        (Credential::Secret, 40001 | 40002 | 41002 | 41004 | 41008 | 89501..=89507) => {
            Class::Account
        }
        // No token was shown there, so none can be at fault.
        (Credential::Secret, 40014 | 42001) => Class::Unlisted,
        (Credential::Secret | Credential::Token, _) => listed(errcode),
    }
}

fn listed(errcode: i64) -> Class {
    let found = TABLE
        .binary_search_by_key(&errcode, |(code, ..)| *code)
        .ok();
    let entry = found.and_then(|index| TABLE.get(index));
    entry.map_or(Class::Unlisted, |(.., class)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(TABLE.is_sorted_by(|left, right| left.0 < right.0));
    }

    #[test]
    fn codes_are_found() {
        for (errcode, class) in [
            (43101, Class::NotSubscribed),
            (45015, Class::WindowClosed),
            (45047, Class::WindowUsedUp),
            (-1, Class::Busy),
            (12345, Class::Unlisted),
            (40001, Class::Token),
        ] {
            assert_eq!(class_of(Credential::Token, errcode), class, "{errcode}");
        }
        assert_eq!(class_of(Credential::Secret, 40001), Class::Account);
        assert_eq!(class_of(Credential::Secret, 42001), Class::Unlisted);
    }
}
