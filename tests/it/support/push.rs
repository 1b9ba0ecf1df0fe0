//! `WeChat`'s side of a callback, written anew from its documents: it signs, encrypts and posts.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aes::cipher::{Array, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use super::courier::Courier;
use super::wait_until;

pub(crate) const TOKEN: &str = "pushToken1";
pub(crate) const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }
}

/// Where the service serves what the internet may reach.
pub(crate) fn public_address(courier: &Courier) -> String {
    let mut address = String::new();
    wait_until("the service says where the internet may reach it", || {
        let log = courier.log();
        let after = log.split_once(" public=").map(|(_, after)| after);
        let line = after.and_then(|after| after.split_once('\n'));
        if let Some((line, _)) = line {
            let said = line.split_whitespace().next().unwrap_or_default();
            said.clone_into(&mut address);
        }
        !address.is_empty()
    });
    address
}

/// One request. The service must answer it.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the service listens");
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .expect("a stream has a limit");
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head += "\r\n";
    stream
        .write_all(&[head.as_bytes(), body].concat())
        .expect("the service reads");
    let mut answer = Vec::new();
    // A refusal may come before the whole body is read, and reset the connection after it.
    let _read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("the answer is text");
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer to {method} {path}: {answer:?}"));
    let status = head.split(' ').nth(1).expect("the answer has a status");
    Answer {
        status: status.parse().expect("the status is a number"),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("the clock is after 1970").as_millis();
    i64::try_from(now).expect("the clock is near")
}

/// So many seconds later than now, in Unix seconds.
pub(crate) fn now_s(later: i64) -> i64 {
    now_ms() / 1_000 + later
}

pub(crate) fn signature(parts: &[&str]) -> String {
    let mut sorted = parts.to_vec();
    sorted.sort_unstable();
    let digest = Sha1::digest(sorted.join(""));
    let hex = |hex: String, byte: &u8| format!("{hex}{byte:02x}");
    digest.iter().fold(String::new(), hex)
}

/// The query of a request that covers no body.
pub(crate) fn signed_query(timestamp: i64) -> String {
    let timestamp = timestamp.to_string();
    let signature = signature(&[TOKEN, &timestamp, "n0nce"]);
    format!("signature={signature}&timestamp={timestamp}&nonce=n0nce")
}

/// The message in its frame, padded to 32, encrypted and in base64.
pub(crate) fn encrypt(message: &[u8], appid: &str) -> String {
    let key = STANDARD.decode(format!("{AES_KEY}=")).unwrap_or_else(|_| {
        // The last letter says two bits too many for a strict decoder.
        let letters: String = AES_KEY.chars().take(42).collect();
        let whole = letters + "A=";
        let mut key = STANDARD.decode(whole).expect("it is base64");
        let last = key.last_mut().expect("a key has bytes");
        *last |= 1;
        key
    });
    let key: [u8; 32] = key.try_into().expect("a key has 32 bytes");
    let length = u32::try_from(message.len()).expect("a message is short");
    let mut frame = b"0123456789abcdef".to_vec();
    frame.extend(length.to_be_bytes());
    frame.extend(message);
    frame.extend(appid.as_bytes());
    let n_padding = 32 - frame.len() % 32;
    frame.extend(vec![
        u8::try_from(n_padding).expect("it is small");
        n_padding
    ]);
    let iv: [u8; 16] = key[..16].try_into().expect("it is half of the key");
    let (blocks, rest) = Array::slice_as_chunks_mut(&mut frame);
    assert!(rest.is_empty());
    cbc::Encryptor::<aes::Aes256>::new(&key.into(), &iv.into()).encrypt_blocks(blocks);
    STANDARD.encode(frame)
}

/// Posts a message as the secure mode does.
pub(crate) fn push(address: &str, appid: &str, message: &Value) -> Answer {
    push_at(address, appid, message, now_s(0))
}

/// The same, signed at this time.
pub(crate) fn push_at(address: &str, appid: &str, message: &Value, timestamp: i64) -> Answer {
    let encrypted = encrypt(message.to_string().as_bytes(), appid);
    let body = json!({ "ToUserName": "gh_0a1b2c3d4e5f", "Encrypt": encrypted }).to_string();
    let (path, _) = secure_path(&encrypted, timestamp);
    ask(address, "POST", &path, &[], body.as_bytes())
}

/// The path under which an encrypted body is posted, and its signature.
pub(crate) fn secure_path(encrypted: &str, timestamp: i64) -> (String, String) {
    let text = timestamp.to_string();
    let msg_signature = signature(&[TOKEN, &text, "n0nce", encrypted]);
    let query = signed_query(timestamp);
    let path = format!("/wechat/shop?{query}&encrypt_type=aes&msg_signature={msg_signature}");
    (path, msg_signature)
}

/// A user's answer to the question for permission.
pub(crate) fn popup(openid: &str, template_id: &str, word: &str, at_s: i64) -> Value {
    json!({
        "ToUserName": "gh_0a1b2c3d4e5f",
        "FromUserName": openid,
        "CreateTime": at_s,
        "MsgType": "event",
        "Event": "subscribe_msg_popup_event",
        "List": { "TemplateId": template_id, "SubscribeStatusString": word, "PopupScene": "0" },
    })
}

/// What became of a message.
pub(crate) fn sent(openid: &str, template_id: &str, msgid: &str, errcode: i64) -> Value {
    json!({
        "ToUserName": "gh_0a1b2c3d4e5f",
        "FromUserName": openid,
        "CreateTime": now_s(0).to_string(),
        "MsgType": "event",
        "Event": "subscribe_msg_sent_event",
        "List": {
            "TemplateId": template_id,
            "MsgID": msgid,
            "ErrorCode": errcode.to_string(),
            "ErrorStatus": if errcode == 0 { "success" } else { "failed: system failed" },
        },
    })
}
