//! What a pull writes, and what it leaves alone.

use super::*;
use crate::catalog::listing::{ListedParam, Unreadable};
use crate::document::Problems;

fn param(name: &str, label: &str, example: &str) -> ListedParam {
    ListedParam {
        name: name.to_owned(),
        label: label.to_owned(),
        example: Some(example.to_owned()).filter(|example| !example.is_empty()),
    }
}

fn listed(id: &str, title: &str, params: Vec<ListedParam>) -> Listed {
    Listed {
        id: id.to_owned(),
        title: title.to_owned(),
        kind: Some(TemplateKind::OneTime),
        other_type: None,
        params,
        enums: Default::default(),
    }
}

fn listing(templates: Vec<Listed>) -> Listing {
    Listing {
        templates,
        unreadable: Vec::new(),
    }
}

fn read(text: &str) -> Catalog {
    let mut problems = Problems::default();
    // A key that this module does not read, as another one's would be.
    let known = text.replace("grants", "# grants");
    let catalog = Catalog::read(&mut problems, "templates.toml", &known);
    catalog.unwrap_or_else(|| panic!("{problems}\n{text}"))
}

fn pulled(text: &str, listing: &Listing, prune: &Prune) -> Pulled {
    let found = pull(text, &read(text), "shop", listing, prune).unwrap();
    // Whatever is written can be read, and a second pull has nothing to do.
    let again = pull(&found.text, &read(&found.text), "shop", listing, prune).unwrap();
    assert_eq!(again.text, found.text);
    assert!(
        !again.changes.iter().any(Change::is_written),
        "{:?}",
        again.changes
    );
    found
}

const BOUGHT: &str = r#"# Ours.

[shop.bought]                                # for the shop
id     = "A"
title  = "旧"
grants = "advise"                            # not read from WeChat
# What is on the card.
params = { thing2 = "商品", thing9 = "没了" } # in order
# The enum.
enums  = { enum_string3 = ["好"] }

[shop.far]
id = "B"

[club.bought]
id = "A"
"#;

fn bought() -> Listed {
    let params = vec![
        param("amount4", "金额", "￥1"),
        param("thing2", "商品", ""),
        param("enum_string3", "状态", "好"),
    ];
    Listed {
        enums: [(
            "enum_string3".to_owned(),
            vec!["好".to_owned(), "坏".to_owned()],
        )]
        .into(),
        ..listed("A", "购买成功", params)
    }
}

#[test]
fn names_comments_and_keys_of_others_stay() {
    let far = listed("B", "远", vec![param("thing1", "物", "")]);
    let found = pulled(BOUGHT, &listing(vec![bought(), far]), &Prune::Nothing);
    let expected = r#"# Ours.

[shop.bought]                                # for the shop
id     = "A"
title  = "购买成功"
grants = "advise"                            # not read from WeChat
kind   = "one-time"
# What is on the card.
[shop.bought.params] # in order
amount4      = { label = "金额", example = "￥1" }
thing2       = "商品"
enum_string3 = { label = "状态", example = "好" }
# The enum.
[shop.bought.enums]
enum_string3 = ["好", "坏"]

[shop.far]
id = "B"
title = "远"
kind = "one-time"
[shop.far.params]
thing1 = "物"

[club.bought]
id = "A"
"#;
    assert_eq!(found.text, expected);
}

#[test]
fn a_service_card_is_marked() {
    let card = || Listed {
        kind: Some(TemplateKind::ServiceCard),
        ..listed("S", "点餐进度", Vec::new())
    };
    let found = pulled("", &listing(vec![card()]), &Prune::Nothing);
    let expected =
        "[shop.template_1]\nid    = \"S\"\ntitle = \"点餐进度\"\nkind  = \"service-card\"\n";
    assert_eq!(found.text, expected);

    // What was written before is corrected, and what a person says of a card that WeChat does not tell stays.
    let text = "[shop.x]\nid = \"S\"\ntitle = \"点餐进度\"\nkind = \"one-time\"\nparams = { thing1 = \"物\" }\n";
    let found = pulled(text, &listing(vec![card()]), &Prune::Nothing);
    let expected = "[shop.x]\nid = \"S\"\ntitle = \"点餐进度\"\nkind = \"service-card\"\n";
    assert_eq!(found.text, expected);
    let untold = listed("S", "点餐进度", vec![param("thing1", "物", "")]);
    let text = text.replace("one-time", "service-card");
    let found = pulled(&text, &listing(vec![untold]), &Prune::Nothing);
    assert_eq!(
        (found.text.as_str(), found.changes.len()),
        (text.as_str(), 0)
    );
}

#[test]
fn what_a_person_says_of_a_frequency_stays_as_long_as_it_can_be_true() {
    let at_wechat = |kind, params: &[&str]| Listed {
        kind: Some(kind),
        ..listed(
            "A",
            "还款提醒",
            params.iter().map(|name| param(name, "名", "")).collect(),
        )
    };
    let text = "[shop.x]\nid = \"A\"\ntitle = \"还款提醒\"\nkind = \"long-term-limited\"\nkey = \"thing1\"\nper = \"24h\"\nparams = { thing1 = \"名\" }\n";
    let same = listing(vec![at_wechat(TemplateKind::LongTerm, &["thing1"])]);
    let found = pulled(text, &same, &Prune::Nothing);
    assert_eq!((found.text.as_str(), found.changes.len()), (text, 0));
    for (there, kind) in [
        (at_wechat(TemplateKind::LongTerm, &["thing2"]), "long-term"),
        (at_wechat(TemplateKind::OneTime, &["thing1"]), "one-time"),
    ] {
        let found = pulled(text, &listing(vec![there]), &Prune::Nothing);
        assert!(
            found.text.contains(&format!("kind = \"{kind}\"")),
            "{}",
            found.text
        );
        for gone in ["key", "per"] {
            assert!(!found.text.contains(gone), "{}", found.text);
        }
    }
}

#[test]
fn a_type_that_is_not_known_is_told_until_somebody_says_the_kind() {
    let other = Listed {
        kind: None,
        other_type: Some("4".to_owned()),
        ..listed("A", "购", vec![param("site01", "地点", "")])
    };
    let found = pulled("", &listing(vec![other.clone()]), &Prune::Nothing);
    assert!(!found.text.contains("kind"), "{}", found.text);
    let told = |found: &Pulled| {
        let told = |change: &&Change| matches!(change, Change::UnknownType { name, value, .. } if name == "template_1" && value == "4");
        found.changes.iter().filter(told).count()
    };
    assert_eq!(told(&found), 1);
    let again = pulled(&found.text, &listing(vec![other.clone()]), &Prune::Nothing);
    assert_eq!((told(&again), again.changes.len()), (1, 1));
    let said = format!(
        "{}\n",
        found.text.replace("title", "kind = \"long-term\"\ntitle")
    );
    let known = pulled(&said, &listing(vec![other]), &Prune::Nothing);
    assert_eq!(known.changes, []);
}

#[test]
fn what_is_the_same_is_not_touched() {
    let text = "[shop]\nx = { id = 'A', title = '购', kind = 'one-time', params = { thing1 = '物' } } # mine\n";
    let same = listed("A", "购", vec![param("thing1", "物", "")]);
    let found = pulled(text, &listing(vec![same]), &Prune::Nothing);
    assert_eq!((found.text.as_str(), found.changes.len()), (text, 0));
}

#[test]
fn a_new_file_and_a_new_app_begin_with_their_templates() {
    let two = || {
        let mut second = bought();
        second.id = "Z".to_owned();
        second.title = "VIP到期".to_owned();
        listing(vec![
            second,
            listed("B", "远", vec![param("thing1", "物", "茶")]),
        ])
    };
    let templates = r#"
[shop.vip]
id    = "Z"
title = "VIP到期"
kind  = "one-time"
[shop.vip.params]
amount4      = { label = "金额", example = "￥1" }
thing2       = "商品"
enum_string3 = { label = "状态", example = "好" }
[shop.vip.enums]
enum_string3 = ["好", "坏"]

[shop.template_1]
id    = "B"
title = "远"
kind  = "one-time"
[shop.template_1.params]
thing1 = { label = "物", example = "茶" }
"#;
    let found = pulled("# Only a comment.\n\n", &two(), &Prune::Nothing);
    assert_eq!(found.text, format!("# Only a comment.\n{templates}"));
    let found = pulled("", &two(), &Prune::Nothing);
    assert_eq!(found.text, templates.trim_start());
    let club = "[club.x]\nid = \"A\"\n";
    let found = pulled(club, &two(), &Prune::Nothing);
    assert_eq!(found.text, format!("{club}{templates}"));
    // Beside those of its app, not at the end of the file.
    let shop = "[shop.x]\nid = \"B\"\ntitle = \"远\"\nkind = \"one-time\"\nparams = { thing1 = { label = \"物\", example = \"茶\" } }\n";
    let found = pulled(&format!("{shop}\n{club}"), &two(), &Prune::Nothing);
    let (vip, _) = templates.split_once("\n[shop.template_1]").unwrap();
    assert_eq!(found.text, format!("{shop}{vip}\n{club}"));
}

#[test]
fn a_template_that_is_gone_stays_unless_it_is_asked_away_and_no_rule_uses_it() {
    let mine = || listing(vec![bought()]);
    let gone = |used_by_rules| Change::Gone {
        app: "shop".to_owned(),
        name: "far".to_owned(),
        used_by_rules,
    };
    let found = pulled(BOUGHT, &mine(), &Prune::Nothing);
    assert!(found.text.contains("[shop.far]") && found.changes.contains(&gone(false)));
    let used = Prune::Unless([("shop".to_owned(), "far".to_owned())].into());
    let found = pulled(BOUGHT, &mine(), &used);
    assert!(found.text.contains("[shop.far]") && found.changes.contains(&gone(true)));
    let found = pulled(BOUGHT, &mine(), &Prune::Unless(BTreeSet::new()));
    assert!(!found.text.contains("[shop.far]") && found.text.contains("[club.bought]"));
    assert!(found.changes.contains(&Change::Removed {
        app: "shop".to_owned(),
        name: "far".to_owned(),
    }));
}

#[test]
fn what_cannot_be_read_stays_as_it_is_and_is_told() {
    let entry = Unreadable {
        id: "B".to_owned(),
        title: "远".to_owned(),
        why: "its content is empty".to_owned(),
    };
    let found = pulled(
        "[shop.far]\nid = \"B\"\n",
        &Listing {
            templates: Vec::new(),
            unreadable: vec![entry],
        },
        &Prune::Unless(BTreeSet::new()),
    );
    assert_eq!(found.text, "[shop.far]\nid = \"B\"\n");
    assert!(matches!(found.changes[..], [Change::Unreadable { .. }]));
}

#[test]
fn every_way_to_write_a_template_can_be_brought_up_to_date() {
    for text in [
        "shop = { x = { id = \"A\" } }\n",
        "shop.x.id = \"A\"\n",
        "shop.x = { id = \"A\", params.thing2 = \"商\" }\n",
        "[shop]\nx = { id = \"A\", enums = { enum_string3 = [\n\"好\", # the good\n] } }\n",
        "[shop.x]\nid = \"A\"\nparams.thing2.label = \"x\"\n",
        "[shop.x]\nid = \"A\"\n[shop.x.params]\n# why\nthing2 = \"x\" # so\n",
        "[shop.x.params]\nthing2 = { label = \"x\", example = \"y\" }\n[shop.x]\nid = \"A\"\n",
    ] {
        let found = pulled(text, &listing(vec![bought()]), &Prune::Nothing);
        let catalog = read(&found.text);
        let template = catalog.get("shop", "x").unwrap();
        assert!(
            compare_one(template, &bought()).is_empty(),
            "{}",
            found.text
        );
        for kept in ["# why", "# so"] {
            assert_eq!(
                text.contains(kept),
                found.text.contains(kept),
                "{}",
                found.text
            );
        }
    }
}
