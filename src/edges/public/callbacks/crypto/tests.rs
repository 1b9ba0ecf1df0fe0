//! The examples that `WeChat` publishes (message push), and what must be refused.

use proptest::prelude::*;

use super::*;

const APPID: &str = "wxba5fad812f8e6fb9";
const TOKEN: &str = "AAAAA";
const PUSHED: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";
const REPLIED: &str =
    "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==";

fn key() -> AesKey {
    AesKey::parse(&"A".repeat(KEY_LETTERS)).unwrap()
}

#[test]
fn signatures_of_the_documents_are_recomputed() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "f464b24fc39322e44b38aa78f5edd27bd1441696",
            &[TOKEN, "1714036504", "1514711492"],
        ),
        (
            "899cf89e464efb63f54ddac96b0a0a235f53aa78",
            &[TOKEN, "1714037059", "486452656"],
        ),
        (
            "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
            &[TOKEN, "1714112445", "415670741"],
        ),
        (
            "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
            &[TOKEN, "1714112445", "415670741", PUSHED],
        ),
        (
            "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1",
            &[TOKEN, "1713424427", "415670741", REPLIED],
        ),
    ];
    for (signature, parts) in cases {
        assert!(is_signature_of(signature, parts), "{signature}");
        assert!(!is_signature_of(&signature.to_uppercase(), parts));
        assert!(!is_signature_of(
            signature.strip_prefix(|_: char| true).unwrap(),
            parts
        ));
        let mut others = parts.to_vec();
        others[0] = "AAAAB";
        assert!(!is_signature_of(signature, &others));
    }
    assert!(!is_signature_of("", &[TOKEN, "1", "2"]));
}

#[test]
fn bodies_of_the_documents_are_decrypted() {
    let pushed = key().decrypt(PUSHED, APPID).unwrap();
    let expected = r#"{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}"#;
    assert_eq!(String::from_utf8(pushed).unwrap(), expected);
    let replied = key().decrypt(REPLIED, APPID).unwrap();
    assert_eq!(replied, br#"{"demo_resp":"good luck"}"#);
}

#[test]
fn what_is_not_ours_is_refused() {
    let key = key();
    assert_eq!(
        key.decrypt(PUSHED, "wxba5fad812f8e6fb8"),
        Err(DecryptError::AppId)
    );
    assert_eq!(key.decrypt(PUSHED, ""), Err(DecryptError::AppId));
    assert_eq!(key.decrypt("", APPID), Err(DecryptError::Encoding));
    assert_eq!(key.decrypt("AAAA", APPID), Err(DecryptError::Encoding));
    assert_eq!(key.decrypt("***", APPID), Err(DecryptError::Encoding));
    // The last block alone decrypts to padding and the end of the appid: too short for a frame.
    let other = AesKey::parse(&"B".repeat(KEY_LETTERS)).unwrap();
    assert!(other.decrypt(PUSHED, APPID).is_err());
}

#[test]
fn padding_is_one_to_thirty_two_equal_bytes() {
    let padded = |n_padding: u8, n: usize| [vec![0; 40 - n], vec![n_padding; n]].concat();
    assert_eq!(without_padding(&padded(1, 1)).unwrap().len(), 39);
    assert_eq!(without_padding(&padded(32, 32)).unwrap().len(), 8);
    assert_eq!(without_padding(&padded(33, 33)), None);
    assert_eq!(without_padding(&padded(19, 18)), None);
    assert_eq!(without_padding(&[0; 32]), None);
    assert_eq!(without_padding(&[32; 31]), None);
    assert_eq!(without_padding(&[]), None);
}

#[test]
fn a_key_is_forty_three_letters_whatever_the_last_one_says() {
    for last in ["A", "B", "9", "/"] {
        let text = "a".repeat(42) + last;
        assert!(AesKey::parse(&text).is_some(), "{text}");
    }
    assert!(AesKey::parse(&"a".repeat(42)).is_none());
    assert!(AesKey::parse(&("a".repeat(43) + "=")).is_none());
    assert!(AesKey::parse(&("a".repeat(42) + "*")).is_none());
    assert_eq!(format!("{:?}", key()), "AesKey(hidden)");
}

proptest! {
    #[test]
    fn nothing_breaks_it(body in prop::collection::vec(any::<u8>(), 0..40).prop_map(|blocks| blocks.repeat(16))) {
        let text = LENIENT.encode(body);
        prop_assert!(key().decrypt(&text, APPID).is_err());
    }
}
