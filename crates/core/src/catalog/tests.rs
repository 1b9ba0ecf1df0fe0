//! What `templates.toml` may say.

use super::*;

fn read(text: &str) -> (Option<Catalog>, String) {
    let mut problems = Problems::default();
    let catalog = Catalog::read(&mut problems, "templates.toml", text);
    (catalog, problems.to_string())
}

#[test]
fn only_the_id_is_required() {
    let (catalog, problems) = read("[shop.done]\nid = \"abc-_1\"");
    assert_eq!(problems, "");
    let catalog = catalog.unwrap();
    let template = catalog.get("shop", "done").unwrap();
    assert_eq!(
        (template.id.as_str(), template.params.len(), template.kind),
        ("abc-_1", 0, None)
    );
    assert_eq!(catalog.nearest("shop", "dome"), Some("done"));
    assert!(catalog.get("shop", "nope").is_none() && catalog.get("nope", "done").is_none());
}

#[test]
fn params_come_in_the_order_of_the_file() {
    for params in [
        "params = { thing10 = \"c\", amount1 = \"a\", thing2 = { label = \"b\", example = \"x\" } }",
        "[a.b.params]\nthing10 = \"c\"\namount1 = \"a\"\nthing2 = { label = \"b\", example = \"x\" }",
        "params.thing10 = \"c\"\nparams.amount1.label = \"a\"\nparams.thing2 = { example = \"x\", label = \"b\" }",
    ] {
        let (catalog, problems) = read(&format!(
            "[a.b]\nid = \"x\"\nkind = \"long-term\"\n{params}"
        ));
        assert_eq!(problems, "");
        let template = Arc::clone(catalog.unwrap().get("a", "b").unwrap());
        let params: Vec<_> = template
            .params
            .iter()
            .map(|(name, label)| (name.as_ref(), label.as_str()))
            .collect();
        assert_eq!(
            params,
            [("thing10", "c"), ("amount1", "a"), ("thing2", "b")]
        );
        assert_eq!(
            template.examples,
            [("thing2".to_owned(), "x".to_owned())].into()
        );
        assert_eq!(template.kind, Some(TemplateKind::LongTerm));
    }
}

#[test]
fn every_mistake_has_its_line() {
    let (catalog, problems) = read(
        "[a.b]\ntitel = \"x\"\nkind = \"once\"\n[a.c]\nid = \"no spaces please\"\nparams = { thing1 = 1, thing2 = { lable = \"x\" } }\nenums = { e = \"x\" }",
    );
    assert!(catalog.is_none());
    for expected in [
        "templates.toml:1: error: a.b: `id` is missing",
        "templates.toml:2: error: a.b.titel: the key `titel` is not known here",
        "templates.toml:3: error: a.b.kind",
        "templates.toml:5: error: a.c.id: this is no template id",
        "templates.toml:6: error: a.c.params.thing1: expected the label",
        "templates.toml:6: error: a.c.params.thing2: `label` is missing",
        "templates.toml:6: error: a.c.params.thing2.lable: the key `lable` is not known here",
        "templates.toml:7: error: a.c.enums.e: expected a list",
    ] {
        assert!(
            problems.contains(expected),
            "{expected}\nnot in\n{problems}"
        );
    }
}

#[test]
fn a_type_of_no_list_is_only_a_warning() {
    let (catalog, problems) = read(
        "[a.b]\nid = \"x\"\nparams = { thing1 = \"a\", short_thing12 = \"b\", site01 = \"c\", first = \"d\" }",
    );
    assert_eq!(catalog.unwrap().get("a", "b").unwrap().params.len(), 4);
    for name in ["site01", "first"] {
        let warning = format!("warning: a.b.params.{name}: the type of `{name}` is in no list");
        assert!(problems.contains(&warning), "{problems}");
    }
    assert!(!problems.contains("thing"), "{problems}");
}

#[test]
fn a_limited_template_says_its_key_and_its_period() {
    let of = |said: &str| {
        let (catalog, problems) = read(&format!(
            "[a.b]\nid = \"x\"\nparams = {{ character_string1 = \"合同\", thing2 = \"事项\" }}\n{said}\n"
        ));
        let template = catalog.and_then(|catalog| catalog.get("a", "b").cloned());
        (
            template.and_then(|template| template.frequency.clone()),
            problems,
        )
    };
    let kind = "kind = \"long-term-limited\"";
    let (frequency, problems) = of(&format!(
        "{kind}\nkey = \"character_string1\"\nper = \"24h\""
    ));
    assert_eq!(problems, "");
    let expected = Frequency {
        key: Arc::from("character_string1"),
        per: std::time::Duration::from_hours(24),
    };
    assert_eq!(frequency, Some(expected));
    for (said, expected) in [
        (kind.to_owned(), "a.b: `key` is missing"),
        (kind.to_owned(), "a.b: `per` is missing"),
        (
            format!("{kind}\nkey = \"character_string2\"\nper = \"24h\""),
            "templates.toml:5: error: a.b.key: the template has no param `character_string2`",
        ),
        (
            format!("{kind}\nkey = \"thing2\"\nper = \"daily\""),
            "a.b.per: \"daily\" is not a length of time",
        ),
        (
            format!("{kind}\nkey = \"thing2\"\nper = \"366d\""),
            "a.b.per: what was sent is remembered for a year",
        ),
        (
            "kind = \"long-term\"\nper = \"24h\"".to_owned(),
            "a.b.per: this belongs to templates that are limited by frequency",
        ),
        (
            "key = \"thing2\"".to_owned(),
            "a.b.key: this belongs to templates that are limited by frequency",
        ),
    ] {
        let (frequency, problems) = of(&said);
        assert_eq!(frequency, None, "{said}");
        assert!(
            problems.contains(expected),
            "{expected}\nnot in\n{problems}"
        );
    }
    // Where the params are not known, the rule is asked for it.
    let (catalog, problems) = read(&format!(
        "[a.b]\nid = \"x\"\n{kind}\nkey = \"thing2\"\nper = \"30m\""
    ));
    assert!(catalog.is_some(), "{problems}");
}
