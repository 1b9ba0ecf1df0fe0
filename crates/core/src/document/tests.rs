//! Every kind of mistake, as its reader sees it.

use super::{Node, Origin, Problems, Section, known_instead, nearest, parse};

fn read(text: &str, read: impl FnOnce(&mut Problems, &mut Section)) -> String {
    let mut problems = Problems::default();
    if let Some(tree) = parse(&mut problems, "a.toml", text) {
        let mut section = Section::new(&mut problems, "", tree);
        read(&mut problems, &mut section);
        section.finish(&mut problems);
    }
    problems.to_string()
}

#[test]
fn an_unknown_key_gets_its_line_and_a_suggestion() {
    let told = read(
        "topics = [\"a\"]\n\nbrokerz = \"x\"\n",
        |problems, section| {
            section.take_strings(problems, "topics");
            section.take_string(problems, "brokers");
        },
    );
    assert_eq!(
        told,
        "a.toml:3: error: brokerz: the key `brokerz` is not known here\n    help: did you mean `brokers`?"
    );
}

#[test]
fn every_mistake_is_told_not_only_the_first() {
    let told = read(
        "number = \"7\"\nlength = \"soon\"\nword = \"maybe\"\nrange = 11\n",
        |problems, section| {
            section.take_integer(problems, "number", 0, 9);
            section.take_duration(problems, "length");
            section.take_choice(problems, "word", &[("yes", 1), ("no", 2)]);
            section.take_integer(problems, "range", 0, 10);
        },
    );
    let expected = [
        "a.toml:1: error: number: expected a whole number, found text",
        "a.toml:2: error: length: \"soon\" is not a length of time above zero",
        "    help: write a whole number with ms, s, m, h or d: \"500ms\", \"30s\", \"15m\"",
        "a.toml:3: error: word: \"maybe\" is not known here: expected \"yes\", \"no\"",
        "a.toml:4: error: range: 11 is out of range: expected a whole number from 0 to 10",
    ];
    assert_eq!(told, expected.join("\n"));
}

#[test]
fn a_line_end_of_windows_is_a_line_end_and_a_carriage_return_alone_is_none() {
    let mut problems = Problems::default();
    let text = "a = \"\"\"one\r\ntwo\"\"\"\r\nb = 1\r\n";
    let unix = parse(&mut problems, "a.toml", &text.replace("\r\n", "\n"));
    assert_eq!(parse(&mut problems, "a.toml", text), unix);
    assert!(unix.is_some() && problems.is_empty(), "{problems}");
    let many = "\r".repeat(2_000) + "\n";
    for broken in [
        "a = 1\rb = 2\n",
        "a = 1\r\r\nb = 2\r\n",
        "a = \"\"\"one\r\r\ntwo\"\"\"\n",
        &many,
    ] {
        let told = read(broken, |_, _| {});
        assert!(
            told.contains("this is not TOML"),
            "{broken:.20?}: {told:.200}"
        );
    }
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let told = read("a = 1\nb = = 2\n", |_, _| {});
    assert!(
        told.starts_with("a.toml:2: error: this is not TOML"),
        "{told}"
    );
}

#[test]
fn variables_say_numbers_and_lists_as_text() {
    let mut problems = Problems::default();
    let mut tree = parse(&mut problems, "a.toml", "n = \"7\"\nlist = \"a, b\"\n").unwrap();
    let super::Item::Table(table) = &mut tree.item else {
        panic!("a table");
    };
    for node in table.values_mut() {
        *node = Node {
            origin: Origin::Environment("X".into()),
            ..node.clone()
        };
    }
    let mut section = Section::new(&mut problems, "", tree);
    assert_eq!(
        section
            .take_integer(&mut problems, "n", 0, 9)
            .unwrap()
            .value,
        7
    );
    assert_eq!(
        section.take_strings(&mut problems, "list").unwrap().value,
        ["a", "b"]
    );
    assert!(problems.is_empty(), "{problems}");
}

#[test]
fn only_near_names_are_suggested() {
    let known = ["brokers", "topics", "group", "when"];
    assert_eq!(nearest("broker", &known), Some("brokers"));
    assert_eq!(nearest("topisc", &known), Some("topics"));
    assert_eq!(nearest("wehn", &known), Some("when"));
    assert_eq!(nearest("password", &known), None);
}

#[test]
fn a_name_that_is_not_known_is_told_what_there_is_and_not_without_end() {
    assert_eq!(
        known_instead("shpo", &["shop", "cafe", "shop"]),
        "; did you mean `shop`? There are: cafe, shop"
    );
    assert_eq!(known_instead("x", &["shop"]), "; there are: shop");
    assert_eq!(known_instead("x", &[]), "; there is none at all");
    let many: Vec<String> = (0..1_000).map(|number| format!("r{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let said = known_instead("", &many);
    assert!(
        said.ends_with(" and 988 more") && said.len() < 200,
        "{said}"
    );
}

#[test]
fn of_very_many_errors_of_syntax_the_first_are_told_and_the_others_counted() {
    let mut problems = Problems::default();
    let text = format!("a = \"b\"\n{}", "\rx".repeat(100_000));
    assert!(parse(&mut problems, "a.toml", &text).is_none());
    assert!(problems.len() <= 51, "{}", problems.len());
    let last = problems.iter().last().unwrap().to_string();
    assert!(last.contains("other places"), "{last}");
}
