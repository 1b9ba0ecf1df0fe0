//! The command line as it explains itself: examples, usage lines, exit codes; and the commands that the pages show.

use std::collections::BTreeSet;

use clap::Command;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use wx_courier::cli::{EXIT_CODES, command_line};

use crate::commands::run;
use crate::support::folder::sample_folder;
use crate::support::pages::{self, commands_in};

/// Calls this with each command of the tree and the words that lead to it.
fn walk(command: &mut Command, path: &[String], look: &mut impl FnMut(&mut Command, &[String])) {
    look(command, path);
    let names: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .filter(|name| name != "help")
        .collect();
    for name in names {
        let below = command.find_subcommand_mut(&name).unwrap();
        let path: Vec<String> = path.iter().cloned().chain([name]).collect();
        walk(below, &path, look);
    }
}

/// The commands that these words call: `wx-courier grants set …` calls `grants set`.
fn called(words: &[String]) -> Result<Vec<String>, clap::Error> {
    let matches = command_line().try_get_matches_from(words)?;
    let mut path = Vec::new();
    let mut below = &matches;
    while let Some((name, matches)) = below.subcommand() {
        path.push(name.to_owned());
        below = matches;
    }
    Ok(path)
}

#[test]
fn every_command_ends_its_help_with_examples_that_can_be_typed() {
    let mut root = command_line();
    root.build();
    walk(&mut root, &[], &mut |command, path| {
        let help = command.render_long_help().to_string();
        let name = path.join(" ");
        let (_, examples) = help
            .split_once("Example")
            .unwrap_or_else(|| panic!("{name}: no example in\n{help}"));
        let lines = examples.lines().skip(1).take_while(|line| !line.is_empty());
        let lines: Vec<Vec<String>> = lines.flat_map(commands_in).collect();
        assert!(!lines.is_empty(), "{name}: {examples}");
        for words in lines {
            let called = called(&words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
            assert!(
                called.starts_with(path),
                "{words:?} is no example of {name}"
            );
        }
    });
}

/// What a command cannot do without stands in its usage line, also where one of two will do.
#[test]
fn usage_lines_show_what_is_required() {
    let mut root = command_line();
    root.build();
    let mut n_required = 0;
    walk(&mut root, &[], &mut |command, path| {
        let words = ["wx-courier"]
            .into_iter()
            .chain(path.iter().map(String::as_str));
        let Err(error) = command_line().try_get_matches_from(words) else {
            return;
        };
        if error.kind() != ErrorKind::MissingRequiredArgument {
            return;
        }
        let usage = command.render_usage().to_string();
        let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else {
            panic!("{path:?}: {error}");
        };
        for argument in missing {
            n_required += 1;
            assert!(
                usage.contains(argument.as_str()),
                "{argument} is not in {usage}"
            );
        }
        let words: Vec<&str> = path.iter().map(String::as_str).collect();
        let said = run(&sample_folder(), &words);
        assert_eq!(said.code, Some(2), "{path:?}: {}", said.err);
        said.must_have(&[usage.trim()]);
    });
    assert!(n_required > 5, "found only {n_required}");
}

#[test]
fn suggestions_lead_to_what_exists() {
    // Said, and what is proposed; none where nothing is near.
    let cases: &[(&[&str], Option<&str>)] = &[
        (&["replays"], Some("'replay'")),
        (&["grants", "sett"], Some("'set'")),
        (&["replay", "--sinc", "2h"], Some("'--since'")),
        (
            &["replay", "--reason", "param_to_long"],
            Some("`param_too_long`"),
        ),
        (&["replay", "--status", "faild"], Some("`failed`")),
        (&["replay", "--from", "outcome"], Some("'outcomes'")),
        (&["rid", "abc", "--no-such-flag"], None),
        (&["grants", "import", "--no-such-flag"], None),
        (&["rules", "resume", "--no-such-flag"], None),
        (&["run", "--no-such-flag"], None),
        (&["--format", "json"], None),
        (&["grants", "--app", "shop"], None),
        (&["zzz"], None),
    ];
    for (arguments, expected) in cases {
        let said = run(&sample_folder(), arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        let tips: Vec<&str> = said
            .err
            .lines()
            .filter(|line| line.contains("tip:") || line.contains("did you mean"))
            .collect();
        match expected {
            Some(tip) => assert!(tips.iter().any(|line| line.contains(tip)), "{}", said.err),
            None => assert_eq!(tips, [""; 0], "{arguments:?}: {}", said.err),
        }
        assert!(!said.err.contains("'-- "), "{}", said.err);
    }
}

/// The numbers in the table of a page, below its head about exit codes.
fn codes_in_table(page: &str, head: &str) -> BTreeSet<u8> {
    let page = pages::page(page);
    let (_, after) = page.text.split_once(head).unwrap();
    let rows = after.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|'));
    let first_cells = rows.filter_map(|row| row.split('|').nth(1));
    first_cells
        .filter_map(|cell| cell.trim().trim_matches('`').parse().ok())
        .collect()
}

#[test]
fn both_readmes_list_every_exit_code() {
    let all: BTreeSet<u8> = EXIT_CODES.into_iter().collect();
    assert_eq!(codes_in_table("README.md", "**Exit codes.**"), all);
    assert_eq!(codes_in_table("README.zh-CN.md", "**退出码。**"), all);
    let help = command_line().render_help().to_string();
    let (_, told) = help.split_once("Exit codes: ").unwrap();
    let told = told
        .split(", ")
        .map(|part| part.split(' ').next().unwrap().parse().unwrap());
    assert_eq!(told.collect::<BTreeSet<u8>>(), all);
}

#[test]
fn the_commands_of_every_page_can_be_typed() {
    let mut n_found = 0;
    for page in pages::all() {
        for line in page.command_lines() {
            n_found += 1;
            if let Err(error) = called(&line.words) {
                panic!("{}: {:?}: {error}", line.place, line.words);
            }
        }
        for line in page.commands_in_passing() {
            let wrong = wrong_in_passing(&line.words);
            assert_eq!(wrong, None, "{}: {:?}", line.place, line.words);
            n_found += 1;
        }
    }
    assert!(n_found > 80, "found only {n_found}");
}

/// The first word of a command in passing that names nothing of the command line.
fn wrong_in_passing(words: &[String]) -> Option<&String> {
    let mut root = command_line();
    root.build();
    let mut command = &root;
    let mut words = words.iter().skip(1).peekable();
    while let Some(word) = words.next_if(|word| command.has_subcommands() && !word.starts_with('-'))
    {
        let Some(below) = command.find_subcommand(word) else {
            return Some(word);
        };
        command = below;
    }
    words.find(|word| {
        let flag = word
            .strip_prefix("--")
            .map(|flag| flag.trim_end_matches([',', ';']));
        flag.is_some_and(|flag| {
            let is_it = |argument: &clap::Arg| argument.get_long() == Some(flag);
            !command.get_arguments().any(is_it)
        })
    })
}

#[test]
fn a_command_is_found_in_its_line() {
    let found = commands_in(
        "A=1 wx-courier check --config 'a b' < x | kubectl exec p -- wx-courier run # wx-courier no",
    );
    assert_eq!(
        found,
        [
            vec!["wx-courier", "check", "--config", "a b"],
            vec!["wx-courier", "run"]
        ]
    );
    assert!(commands_in("kubectl -n wx-courier get pods").is_empty());
    assert!(commands_in("cargo build --bin wx-courier").is_empty());
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let wrong = words("wx-courier grants sett");
    assert_eq!(wrong_in_passing(&wrong), Some(&wrong[2]));
    let wrong = words("wx-courier check --remotely");
    assert_eq!(wrong_in_passing(&wrong), Some(&wrong[2]));
}
