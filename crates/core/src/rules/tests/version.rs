//! What changes the version of a set, and of a rule, and what does not.

use super::*;
use crate::catalog::Policy;

#[test]
fn the_version_is_of_what_rules_say_and_of_their_names() {
    let (a, b) = (rule("\"a\""), rule("\"b\""));
    let version = |rules: &[(&str, &str)]| compile(rules).unwrap().version().to_string();
    assert_eq!(
        version(&[("x", &a), ("y", &b)]),
        version(&[("y", &b), ("x", &a)])
    );
    assert_ne!(
        version(&[("x", &a), ("y", &b)]),
        version(&[("x", &b), ("y", &a)])
    );
    assert_ne!(version(&[("x", &a)]), version(&[("y", &a)]));
    assert_eq!(version(&[("x", &a)]).len(), 12);
    // How the file is written is no matter: not even where a text has several lines.
    let a = a.replace("\"茶\"", "\"\"\"{{ data.openid }}\n茶\"\"\"");
    for written in [
        a.replace('\n', "\r\n"),
        format!("\u{feff}{a}"),
        format!("# Tea for all.\n\n{}", a.replace(" = ", "=")),
        a.replace("app = \"shop\"\n", "")
            .replace("on =", "app = 'shop'\non ="),
        // Nor is what its tests say.
        a.split("[[tests]]").next().unwrap().to_owned(),
        a.replace("o1", "o2"),
        format!("{a}\n[[tests]]\nevent = {{}}\nexpect_status = \"invalid\"\n"),
    ] {
        assert_eq!(
            version(&[("x", &written)]),
            version(&[("x", &a)]),
            "{written}"
        );
    }
}

#[test]
fn the_version_is_of_all_that_decides_what_is_sent() {
    let text = rule("\"a\"");
    let with = |templates: &str, policies: &[(&str, Policy)], zone: &str| {
        let policies = policies
            .iter()
            .map(|(app, policy)| ((*app).into(), *policy));
        let policies: BTreeMap<_, _> = policies.collect();
        let zone = TimeZone::get(zone).unwrap();
        let set = compile_with(&[("x", &text)], templates, &policies.into(), zone).unwrap();
        let of_rule = set.get("x").unwrap().version.to_string();
        (set.version().to_string(), of_rule)
    };
    let usual = with(TEMPLATES, &[], "UTC");
    let done = "id = \"x\"\nparams = { thing1 = \"商品\" }";
    let changed = |new: &str| TEMPLATES.replace(done, new);
    let same = [
        with(
            &changed("params = { thing1 = \"货品\" } # label\r\nid = \"x\""),
            &[],
            "UTC",
        ),
        with(&changed(&format!("title = \"t\"\n{done}")), &[], "UTC"),
        with(
            &TEMPLATES.replace("id = \"y\"", "id = \"other\""),
            &[],
            "UTC",
        ),
        with(TEMPLATES, &[("club", Policy::Enforce)], "UTC"),
    ];
    for (number, same) in same.into_iter().enumerate() {
        assert_eq!(same, usual, "{number}");
    }
    let others = [
        with(&changed(&done.replace('x', "X")), &[], "UTC"),
        with(&changed("id = \"x\""), &[], "UTC"),
        with(
            &changed(&format!("{done}\nenums = {{ thing1 = [\"茶\"] }}")),
            &[],
            "UTC",
        ),
        with(
            &changed(&format!("{done}\ngrants = \"advise\"")),
            &[],
            "UTC",
        ),
        with(TEMPLATES, &[("shop", Policy::Enforce)], "UTC"),
        with(TEMPLATES, &[], "Asia/Shanghai"),
        usual,
    ];
    let n_all = others.len();
    let sets: BTreeSet<&String> = others.iter().map(|(set, _)| set).collect();
    let rules: BTreeSet<&String> = others.iter().map(|(_, rule)| rule).collect();
    assert_eq!((sets.len(), rules.len()), (n_all, n_all), "{others:?}");
}
