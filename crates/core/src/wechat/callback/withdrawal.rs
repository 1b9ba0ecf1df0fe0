//! What `user_authorization_revoke` and `user_authorization_cancellation` say: a user takes back what the app was given, or leaves it.
//!
//! `WeChat`: platform notices (平台通知消息, change of authorised users' information). `FromUserName` is the name of `WeChat`'s own service there;
//! the user stands in `OpenID`.

use serde_json::Value;

use super::{Unreadable, name_of, text};
use crate::wechat::{Unknown, UnknownKind};

/// A user has taken something back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// `OpenID`
    pub openid: String,
    /// What was taken back.
    pub of: Withdrawn,
}

/// What a user has taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// Data of which the service keeps nothing, a telephone number say (`user_authorization_revoke` with codes that are known).
    OtherData,
    /// It is not clear what (a code that is not known, or none): it may be all.
    Unclear,
    /// All: the user has closed the account with the app (`user_authorization_cancellation`).
    Account,
}

impl Withdrawn {
    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtherData | Self::Unclear => "revoked",
            Self::Account => "cancelled",
        }
    }

    /// Whether the user's ledgers go. No known code speaks of messages: what a user no longer wants to be sent is told by
    /// `subscribe_msg_change_event`. A user who takes back a microphone still wants to hear of the parcel.
    pub fn takes_ledgers(self) -> bool {
        match self {
            Self::OtherData => false,
            Self::Unclear | Self::Account => true,
        }
    }
}

pub(super) fn revoked(tree: &Value, unknown: &mut Vec<Unknown>) -> Result<Withdrawal, Unreadable> {
    let codes = codes_of(tree);
    if codes.is_empty() {
        unknown.push(Unknown::new(UnknownKind::Field, "RevokeInfo"));
    }
    let strange: Vec<String> = codes
        .iter()
        .filter(|code| !is_known(code))
        .cloned()
        .collect();
    let of = if codes.is_empty() || !strange.is_empty() {
        Withdrawn::Unclear
    } else {
        Withdrawn::OtherData
    };
    let named = strange.into_iter();
    unknown.extend(named.map(|code| Unknown::new(UnknownKind::RevokeCode, code)));
    let openid = name_of(tree, "OpenID")?;
    Ok(Withdrawal { openid, of })
}

pub(super) fn cancelled(tree: &Value) -> Result<Withdrawal, Unreadable> {
    Ok(Withdrawal {
        openid: name_of(tree, "OpenID")?,
        of: Withdrawn::Account,
    })
}

/// The page says that `RevokeInfo` is text and shows one code. Several, as a list or with signs between them, are read as well.
fn codes_of(tree: &Value) -> Vec<String> {
    let said: Vec<String> = match tree.get("RevokeInfo") {
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        Some(single) => text(single).into_iter().collect(),
        None => Vec::new(),
    };
    let codes = said.iter().flat_map(|said| {
        said.split(|sign: char| {
            sign.is_whitespace() || matches!(sign, ',' | ';' | '|' | '，' | '、')
        })
    });
    codes
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The codes on `WeChat`'s page, and nothing that the service keeps is among them: 1 number plate, 2 address, 3 invoice, 4 Bluetooth,
/// 5 microphone, 6 name and picture, 7 camera, 8 telephone number, 12 steps, 13 place, 14 chosen pictures, 15 chosen files, 16 mail address,
/// 18 chosen place, 19 name from the keyboard, 20 picture from the component.
fn is_known(code: &str) -> bool {
    matches!(
        code,
        "1" | "2"
            | "3"
            | "4"
            | "5"
            | "6"
            | "7"
            | "8"
            | "12"
            | "13"
            | "14"
            | "15"
            | "16"
            | "18"
            | "19"
            | "20"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Notice, Push, read};
    use super::*;

    /// As `WeChat`'s page shows it.
    fn pushed(event: &str, revoke_info: &Value) -> Push {
        let push = json!({
            "ToUserName": "gh_870882ca4b1",
            "FromUserName": "oaKk346BaWE-eIn4oSRWbaM9vR7s",
            "CreateTime": 1_627_359_464,
            "MsgType": "event",
            "Event": event,
            "OpenID": "oaKk343WOktAaT2ygsX138BGblrg",
            "AppID": "wx13974bf780d3dc89",
            "RevokeInfo": revoke_info,
            "PluginID": "wx13974bf780d3dc89",
            "OpenPID": " G7esq5NVzP76HIHoB95t4CVBP6to",
        });
        read(push.to_string().as_bytes()).unwrap()
    }

    fn of(withdrawn: Withdrawn) -> Notice {
        Notice::Withdrawn(Withdrawal {
            openid: "oaKk343WOktAaT2ygsX138BGblrg".to_owned(),
            of: withdrawn,
        })
    }

    #[test]
    fn a_user_who_takes_back_other_data_still_wants_messages() {
        for codes in [
            json!("1"),
            json!(8),
            json!("1,20"),
            json!(["6", 12]),
            json!("5|7 16"),
        ] {
            let push = pushed("user_authorization_revoke", &codes);
            assert_eq!(push.notice, of(Withdrawn::OtherData), "{codes}");
            assert_eq!((push.notice.as_str(), push.unknown), ("revoked", vec![]));
        }
        assert!(!Withdrawn::OtherData.takes_ledgers());
    }

    #[test]
    fn what_is_not_clear_takes_everything_and_is_told() {
        let strange = |code: &str| Unknown::new(UnknownKind::RevokeCode, code);
        let missing = Unknown::new(UnknownKind::Field, "RevokeInfo");
        for (codes, unknown) in [
            (json!("21"), strange("21")),
            (json!("1,99"), strange("99")),
            (json!("all"), strange("all")),
            (json!(""), missing.clone()),
            (json!({}), missing.clone()),
            (Value::Null, missing),
        ] {
            let push = pushed("user_authorization_revoke", &codes);
            assert_eq!(push.notice, of(Withdrawn::Unclear), "{codes}");
            assert_eq!(push.unknown, [unknown]);
        }
        assert!(Withdrawn::Unclear.takes_ledgers());
    }

    #[test]
    fn a_closed_account_takes_everything() {
        let push = pushed("user_authorization_cancellation", &Value::Null);
        assert_eq!(push.notice, of(Withdrawn::Account));
        assert_eq!((push.notice.as_str(), push.unknown), ("cancelled", vec![]));
        assert!(Withdrawn::Account.takes_ledgers());
    }

    #[test]
    fn the_user_is_the_one_in_openid_and_xml_says_the_same() {
        let xml = "<xml><ToUserName><![CDATA[gh_870882ca4b1]]></ToUserName><FromUserName><![CDATA[owAqB1v0ahK_Xlc7GshIDdf2yf7E]]></FromUserName>\
            <CreateTime>1626857200</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[user_authorization_revoke]]></Event>\
            <OpenID><![CDATA[owAqB1nqaOYYWl0Ng484G2z5NIwU]]></OpenID><AppID><![CDATA[wx13974bf780d3dc89]]></AppID>\
            <RevokeInfo><![CDATA[1]]></RevokeInfo></xml>";
        let push = read(xml.as_bytes()).unwrap();
        let expected = Withdrawal {
            openid: "owAqB1nqaOYYWl0Ng484G2z5NIwU".to_owned(),
            of: Withdrawn::OtherData,
        };
        assert_eq!(push.notice, Notice::Withdrawn(expected));
        let without_user = xml.replace("OpenID", "OtherID");
        assert_eq!(
            read(without_user.as_bytes()),
            Err(Unreadable::Missing("OpenID"))
        );
    }
}
