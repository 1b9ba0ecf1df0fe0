//! What stands at the end of each command's help: how it is called, as a person would type it.

use clap::Command;

/// By the words after `wx-courier`. A test parses each line.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "wx-courier demo",
            "wx-courier check --config /etc/wx-courier",
        ],
    ),
    (
        "init",
        &[
            "wx-courier init",
            "wx-courier init /etc/wx-courier --brokers kafka-1:9092 --topic order-events --app shop --secret-file /run/secrets/shop",
            "wx-courier init --yes",
        ],
    ),
    (
        "completions",
        &[
            "wx-courier completions bash > ~/.local/share/bash-completion/completions/wx-courier",
            "wx-courier completions zsh > ~/.zfunc/_wx-courier     # a folder of your fpath",
            "wx-courier completions fish > ~/.config/fish/completions/wx-courier.fish",
        ],
    ),
    (
        "man",
        &[
            "wx-courier man > wx-courier.1",
            "wx-courier man rules new | man -l -",
            "wx-courier man --to ~/.local/share/man/man1    # all of them; then `man wx-courier-rules-new`",
        ],
    ),
    (
        "run",
        &[
            "wx-courier run",
            "wx-courier run --config /etc/wx-courier --listen 0.0.0.0:8080",
        ],
    ),
    (
        "check",
        &[
            "wx-courier check",
            "wx-courier check --settings            # every setting in force, and where it was said",
            "wx-courier check --broker --remote     # ask Kafka and WeChat, too",
        ],
    ),
    (
        "preview",
        &[
            "wx-courier preview --event event.json",
            "wx-courier preview --event events.jsonl    # one event a line, and what they all come to",
            "wx-courier preview --event events.jsonl --faulty",
            "wx-courier preview --topic order-events --partition 0 --offset 4711 --count 20",
            "wx-courier preview --event - --header ce_type=order.completed --header ce_id=o-1 < data.json",
        ],
    ),
    (
        "demo",
        &[
            "wx-courier demo",
            "wx-courier demo --once                 # leave when every sample has ended",
        ],
    ),
    (
        "sandbox",
        &[
            "wx-courier sandbox",
            "wx-courier sandbox --latency-ms 80 --grants",
        ],
    ),
    (
        "explain",
        &[
            "wx-courier explain SO20261122001              # an order number, with [explain] keys",
            "wx-courier explain o-1 --since 7d",
            "wx-courier explain order-events/1/7/order-completed --format json",
        ],
    ),
    (
        "replay",
        &[
            "wx-courier replay --dry-run --since 2h           # only count, and show what it is",
            "wx-courier replay --rule order-completed --reason param_too_long --rate 10",
            "wx-courier replay --from outcomes --reason user_refused --since 1d",
            "wx-courier replay --resume replay-20261122T182316Z-5679b5.jsonl",
        ],
    ),
    (
        "reload",
        &["wx-courier reload", "wx-courier reload --at 127.0.0.1:8080"],
    ),
    (
        "ready",
        &["wx-courier ready", "wx-courier ready --at 127.0.0.1:8080"],
    ),
    (
        "rules",
        &[
            "wx-courier rules list",
            "wx-courier rules pause order-completed --why 'wrong text'",
            "wx-courier rules resume order-completed",
        ],
    ),
    (
        "rules new",
        &[
            "wx-courier rules new --template order_completed --event event.json",
            "wx-courier rules new --template order_completed --app shop --event event.json shop/order-paid",
            "wx-courier rules new --template order_completed --event - --header ce_type=order.completed < data.json",
        ],
    ),
    (
        "rules status",
        &[
            "wx-courier rules status",
            "wx-courier rules status --wait 3f2a9c0b1d4e --timeout 120",
        ],
    ),
    (
        "rules diff",
        &[
            "wx-courier rules diff ../new/config               # over the last thousand events",
            "wx-courier rules diff new --events recorded.jsonl --format markdown",
        ],
    ),
    (
        "rules list",
        &[
            "wx-courier rules list",
            "wx-courier rules list --format json",
        ],
    ),
    (
        "rules pause",
        &[
            "wx-courier rules pause order-completed --why 'wrong text'",
            "wx-courier rules pause --template order_completed --app shop",
            "wx-courier rules pause --app shop",
        ],
    ),
    (
        "rules resume",
        &[
            "wx-courier rules resume order-completed",
            "wx-courier rules resume --template order_completed --app shop",
            "wx-courier rules resume order-completed --why 'the text is mended'",
            "wx-courier rules resume order-completed --at 10.0.0.12:8080",
        ],
    ),
    ("state", &["wx-courier state resume"]),
    (
        "state resume",
        &[
            "wx-courier state resume",
            "wx-courier state resume --at 10.0.0.12:8080",
        ],
    ),
    ("templates", &["wx-courier templates pull"]),
    (
        "templates pull",
        &[
            "wx-courier templates pull",
            "wx-courier templates pull --app shop --prune",
        ],
    ),
    (
        "quota",
        &[
            "wx-courier quota",
            "wx-courier quota --app shop --api /cgi-bin/message/subscribe/send",
        ],
    ),
    (
        "quota clear",
        &[
            "wx-courier quota clear --app shop --api /cgi-bin/message/subscribe/send",
            "wx-courier quota clear --app shop --all --why 'a loop in the import'",
        ],
    ),
    (
        "rid",
        &[
            "wx-courier rid 6b0361dc-f070efc7-6489ad28",
            "wx-courier rid 6b0361dc-f070efc7-6489ad28 --app shop",
        ],
    ),
    (
        "grants",
        &[
            "wx-courier grants show --app shop --openid oABCD1234567890xyz",
            "wx-courier grants import grants.csv",
        ],
    ),
    (
        "grants show",
        &[
            "wx-courier grants show --app shop --openid oABCD1234567890xyz",
            "wx-courier grants show --app shop --openid oABCD1234567890xyz --template order_completed",
        ],
    ),
    (
        "grants set",
        &[
            "wx-courier grants set --app shop --openid oABCD1234567890xyz --template order_completed --left 2",
            "wx-courier grants set --app shop --openid oABCD1234567890xyz --template order_completed --left 2 --why 'ticket 4711'",
        ],
    ),
    (
        "grants import",
        &[
            "wx-courier grants import grants.csv",
            "wx-courier grants import - < grants.csv",
        ],
    ),
    ("topics", &["wx-courier topics create"]),
    (
        "topics create",
        &[
            "wx-courier topics create",
            "wx-courier topics create --sources --partitions 6",
            "wx-courier topics create --print       # for clusters whose topics are made in a console",
        ],
    ),
];

/// The codes that every command may end with; the README has the same table.
pub(super) const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 the answer is no, 2 wrong usage, 64 the configuration cannot be used.";

/// Adds them to a command line.
pub(super) fn add(root: Command) -> Command {
    let end = format!("{}\n\n{EXIT_CODES}", examples_of(""));
    add_below(root, "").after_help(end)
}

fn add_below(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    for name in names {
        let below = format!("{path} {name}");
        command = command.mut_subcommand(&name, |found| add_below(found, below.trim_start()));
    }
    command.after_help(examples_of(path))
}

/// The examples of a command, by the words after `wx-courier`.
pub(super) fn lines_of(path: &str) -> &'static [&'static str] {
    let found = EXAMPLES.iter().find(|(of, _)| *of == path);
    found.map_or(&[], |(_, lines)| lines)
}

fn examples_of(path: &str) -> String {
    let lines = lines_of(path);
    let head = match lines {
        [] => "",
        [_] => "Example:",
        _ => "Examples:",
    };
    lines
        .iter()
        .fold(head.to_owned(), |text, line| text + "\n  " + line)
}
