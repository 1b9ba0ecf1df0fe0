//! Each kind of drift, and what is none.

use super::*;
use crate::catalog::listing::{ListedParam, Unreadable};
use crate::document::Problems;

const FILE: &str = r#"
[shop.paid]
id = "A"
title = "付款"
kind = "one-time"
params = { thing1 = "商品", enum_string2 = "状态" }
enums = { enum_string2 = ["好", "坏"] }
[shop.bare]
id = "B"
[other.far]
id = "C"
"#;

fn param(name: &str, label: &str) -> ListedParam {
    ListedParam {
        name: name.to_owned(),
        label: label.to_owned(),
        example: None,
    }
}

fn listing() -> Listing {
    let listed = |id: &str, title: &str| Listed {
        id: id.to_owned(),
        title: title.to_owned(),
        kind: Some(TemplateKind::OneTime),
        other_type: None,
        params: vec![param("thing1", "商品"), param("enum_string2", "状态")],
        enums: [(
            "enum_string2".to_owned(),
            vec!["好".to_owned(), "坏".to_owned()],
        )]
        .into(),
    };
    let mut bare = listed("B", "无");
    bare.enums.clear();
    Listing {
        templates: vec![listed("A", "付款"), bare, listed("NEW", "新")],
        unreadable: Vec::new(),
    }
}

fn check(change: impl FnOnce(&mut Listing), expected: &[(DriftKind, Severity, &str)]) {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", FILE).unwrap();
    let mut listing = listing();
    change(&mut listing);
    let found: Vec<_> = compare(&catalog, "shop", &listing)
        .into_iter()
        .map(|drift| (drift.kind, drift.severity, drift.detail))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, severity, detail)| (*kind, *severity, (*detail).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn what_is_the_same_or_not_said_does_not_drift() {
    check(|_| {}, &[]);
}

#[test]
fn each_kind_of_drift_is_told() {
    use DriftKind::{Gone, Kind, Labels, Params, Title};
    use Severity::{Error, Warning};
    check(
        |listing| listing.templates.retain(|listed| listed.id != "B"),
        &[(
            Gone,
            Error,
            "WeChat has no template of this id: messages of it would be refused (40037)",
        )],
    );
    check(
        |listing| listing.templates[0].kind = Some(TemplateKind::LongTerm),
        &[(Kind, Error, "it is long-term at WeChat, one-time here")],
    );
    check(|listing| listing.templates[0].kind = None, &[]);
    let other = |listed: &mut Listed| {
        listed.kind = None;
        listed.other_type = Some("4".to_owned());
    };
    // Where a person has said the kind, nothing is open.
    check(|listing| other(&mut listing.templates[0]), &[]);
    check(
        |listing| other(&mut listing.templates[1]),
        &[(
            DriftKind::Type,
            Warning,
            "WeChat gives it the type 4, which is not known here: it counts as a one-time template",
        )],
    );
    check(
        |listing| listing.templates[1].kind = Some(TemplateKind::ServiceCard),
        &[(
            Kind,
            Error,
            "it is a service card at WeChat: message/subscribe/send takes none",
        )],
    );
    check(
        |listing| {
            listing.templates[0].params[0] = param("thing3", "备注");
            listing.templates[0].title = "已付款".to_owned();
        },
        &[
            (Params, Error, "WeChat wants the param `thing3` (备注) too"),
            (
                Params,
                Error,
                "WeChat does not know the param `thing1` (商品)",
            ),
            (
                Title,
                Warning,
                "WeChat calls it \"已付款\", here it is \"付款\"",
            ),
        ],
    );
    check(
        |listing| {
            listing.templates[0].params.swap(0, 1);
            listing.templates[0].params[0].label = "进度".to_owned();
        },
        &[
            (
                Labels,
                Warning,
                "WeChat calls the param `enum_string2` \"进度\", here it is \"状态\"",
            ),
            (
                Labels,
                Warning,
                "the card shows its params in the order enum_string2, thing1",
            ),
        ],
    );
}

#[test]
fn values_of_enums_drift() {
    use DriftKind::Enums;
    use Severity::{Error, Warning};
    check(
        |listing| {
            let values = listing.templates[0].enums.get_mut("enum_string2").unwrap();
            values[1] = "中".to_owned();
        },
        &[
            (
                Enums,
                Error,
                "WeChat does not take \"坏\" for `enum_string2`",
            ),
            (
                Enums,
                Warning,
                "WeChat also takes \"中\" for `enum_string2`",
            ),
        ],
    );
    check(
        |listing| listing.templates[0].enums.clear(),
        &[(
            Enums,
            Warning,
            "WeChat lists no values for `enum_string2` any more",
        )],
    );
    check(
        |listing| {
            let values = listing.templates[0].enums.clone();
            listing.templates[1].enums = values;
        },
        &[(
            Enums,
            Warning,
            "WeChat takes only \"好\", \"坏\" for `enum_string2`",
        )],
    );
}

#[test]
fn an_entry_that_cannot_be_read_is_not_gone() {
    let unread = |listing: &mut Listing| {
        listing.templates.retain(|listed| listed.id != "B");
        listing.unreadable.push(Unreadable {
            id: "B".to_owned(),
            title: String::new(),
            why: "its content is empty".to_owned(),
        });
    };
    check(
        unread,
        &[(
            DriftKind::Unreadable,
            Severity::Warning,
            "what WeChat says of it cannot be read: its content is empty",
        )],
    );
}

#[test]
fn a_problem_has_its_place_and_what_helps() {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", FILE).unwrap();
    let drifts = compare(&catalog, "shop", &Listing::default());
    assert_eq!(
        drifts[1].problem().to_string(),
        "templates.toml:2: error: shop.paid: WeChat has no template of this id: messages of it would be refused (40037)\n    help: copy the id of the template that replaces it from the mini program's console, or take its rules out"
    );
    let mut status = TemplateStatus::default();
    status.found(&drifts);
    assert_eq!(status.n_drifts, [("gone", 2)].into());
    assert!(status.drift[1].starts_with("paid: WeChat has no template"));
}
