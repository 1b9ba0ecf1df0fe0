//! Where a running service is asked, though its settings cannot be used.

use super::{SETTINGS, load_with};

#[test]
fn a_slip_in_a_file_keeps_no_person_from_the_service() {
    let environment = [
        ("WX_COURIER__HTTP__LISTEN", "127.0.0.1:4711"),
        ("WX_COURIER__HTTP__TOKEN", "t0k3nt0k3nt0k3nt0k3n"),
    ];
    // No TOML at all, a key that is not known, and a rule that is wrong.
    for (settings, rule) in [
        ("[kafka", ""),
        ("[kafka]\ntopcs = 1\n", ""),
        (SETTINGS, "x ="),
    ] {
        let loaded = load_with(settings, rule, &environment, Vec::new());
        assert!(loaded.problems.has_errors(), "{settings}");
        let http = loaded.http.unwrap();
        assert_eq!(http.listen.to_string(), "127.0.0.1:4711", "{settings}");
        assert!(http.token.is_some(), "{settings}");
    }
    let broken = load_with("[http\nlisten", "", &[], Vec::new());
    assert_eq!(broken.http.unwrap().listen.port(), 8080);
}

#[test]
fn two_apps_of_one_account_are_warned_of() {
    let club = "[apps.club]\nappid = \"wx0123456789abcdef\"\nsecret = \"s\"\n";
    let loaded = load_with(&format!("{SETTINGS}{club}"), super::RULE, &[], Vec::new());
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    let told = loaded.problems.to_string();
    assert!(told.contains("club and shop have the same appid"), "{told}");
}
