//! The project's pages as readers meet them: fenced blocks, commands, headings and links.

use std::fs;
use std::path::{Path, PathBuf};

/// One Markdown file.
pub(crate) struct Page {
    /// Its path below the root of the project.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A fenced block of a page.
pub(crate) struct Block {
    /// `docs/rules.md:10`, the line of its fence.
    pub(crate) place: String,
    /// What the fence says it is: `toml`, `sh` and so on.
    pub(crate) kind: String,
    /// The lines between the fences, without the indentation of a list.
    pub(crate) text: String,
}

/// A command of ours on a page.
pub(crate) struct CommandLine {
    pub(crate) place: String,
    /// The words as a shell gives them, from `wx-courier` on.
    pub(crate) words: Vec<String>,
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One page, by its path below the root.
pub(crate) fn page(path: &str) -> Page {
    let text = fs::read_to_string(root().join(path));
    Page {
        path: path.to_owned(),
        text: text.unwrap_or_else(|error| panic!("{path}: {error}")),
    }
}

/// Every page that people read: those at the root, and all of `docs`, `deploy`, `bench` and `examples`.
pub(crate) fn all() -> Vec<Page> {
    let mut files = Vec::new();
    collect(&root(), &mut files, Depth::ThisFolder);
    for folder in ["docs", "deploy", "bench", "examples", "fuzz"] {
        collect(&root().join(folder), &mut files, Depth::All);
    }
    files.sort();
    let below_root = |file: &PathBuf| {
        let path = file.strip_prefix(root()).unwrap();
        page(path.to_str().unwrap())
    };
    files.iter().map(below_root).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    ThisFolder,
    All,
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>, depth: Depth) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let is_installed = path.ends_with("node_modules") || path.ends_with("target");
        if path.is_dir() && depth == Depth::All && !is_installed {
            collect(&path, found, depth);
        } else if path.extension().is_some_and(|kind| kind == "md") {
            found.push(path);
        }
    }
}

impl Page {
    /// The lines that are no part of a fenced block, with their numbers.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_fenced = false;
        let mut found = Vec::new();
        for (number, line) in (1..).zip(self.text.lines()) {
            if line.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            } else if !is_fenced {
                found.push((number, line));
            }
        }
        found
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut found = Vec::new();
        let mut lines = (1..).zip(self.text.lines());
        while let Some((number, line)) = lines.next() {
            let Some(kind) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let indentation = line.len() - line.trim_start().len();
            let inside = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| line.trim() != "```");
            let text = inside.fold(String::new(), |text, line| {
                text + line.get(indentation..).unwrap_or_default() + "\n"
            });
            found.push(Block {
                place: format!("{}:{number}", self.path),
                kind: kind.trim().to_owned(),
                text,
            });
        }
        found
    }

    /// The headings: level and text.
    pub(crate) fn headings(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        for (_, line) in self.prose() {
            let text = line.trim_start_matches('#');
            let level = line.len() - text.len();
            if level > 0 && text.starts_with(' ') {
                found.push((level, text.trim()));
            }
        }
        found
    }

    /// The names by which links reach the headings, as GitHub makes them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for (_, heading) in self.headings() {
            let anchor = anchor_of(heading);
            let n_before = anchors.iter().filter(|known| **known == anchor).count();
            anchors.push(match n_before {
                0 => anchor,
                n => format!("{anchor}-{n}"),
            });
        }
        anchors
    }

    /// Where its links lead, with the numbers of their lines.
    pub(crate) fn links(&self) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        for (number, line) in self.prose() {
            for after in line.split("](").skip(1) {
                if let Some((target, _)) = after.split_once(')') {
                    found.push((number, target));
                }
            }
        }
        found
    }

    /// Every command of ours in a fenced block.
    pub(crate) fn command_lines(&self) -> Vec<CommandLine> {
        let blocks = self.blocks();
        let of_shells = blocks.iter().filter_map(|block| {
            let text = block.text.replace("\\\n", " ");
            let lines: Vec<String> = match block.kind.as_str() {
                "sh" => text.lines().map(str::to_owned).collect(),
                // What was typed stands behind a `$`; all else is what was answered.
                "console" | "text" => text
                    .lines()
                    .filter_map(|line| line.strip_prefix("$ "))
                    .map(str::to_owned)
                    .collect(),
                _ => return None,
            };
            Some((block, lines))
        });
        of_shells
            .flat_map(|(block, lines)| {
                let commands = lines.into_iter().flat_map(|line| commands_in(&line));
                let place = &block.place;
                commands.map(|words| CommandLine {
                    place: place.clone(),
                    words,
                })
            })
            .collect()
    }

    /// Every command of ours in the middle of a sentence, as `wx-courier check --remote`. It need not be whole.
    pub(crate) fn commands_in_passing(&self) -> Vec<CommandLine> {
        let mut found = Vec::new();
        for (number, line) in self.prose() {
            let spans = line.split('`').skip(1).step_by(2);
            for span in spans.filter(|span| span.starts_with("wx-courier ")) {
                found.push(CommandLine {
                    place: format!("{}:{number}", self.path),
                    words: span.split_whitespace().map(str::to_owned).collect(),
                });
            }
        }
        found
    }
}

/// Letters and digits of every script stay, in lower case; spaces become dashes; the rest goes.
fn anchor_of(heading: &str) -> String {
    let kept = heading.to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// The calls of `wx-courier` in a line of a shell, each with its words: also behind `kubectl exec … --`, variables or a pipe.
pub(crate) fn commands_in(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for words in words_of(line) {
        let begin = words.iter().position(|word| word == "wx-courier");
        // As an argument (`-n wx-courier`, `--bin wx-courier`) it is a name.
        let is_called = begin.is_some_and(|at| {
            let before = &words[..at];
            before.iter().all(|word| word.contains('='))
                || before.last().is_some_and(|word| word == "--")
        });
        if let (Some(begin), true) = (begin, is_called) {
            found.push(words[begin..].to_vec());
        }
    }
    found
}

/// The words of each command of a line. Knows quotes, comments, pipes, `&&`, `;` and redirections, and no more.
pub(crate) fn words_of(line: &str) -> Vec<Vec<String>> {
    let mut commands = Commands::default();
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('#', None) if commands.word.is_empty() => break,
            ('|' | '&' | ';', None) => commands.end_command(),
            ('<' | '>', None) => {
                commands.end_word();
                commands.is_redirected = true;
            }
            (c, None) if c.is_whitespace() => commands.end_word(),
            (c, _) => commands.word.push(c),
        }
    }
    commands.end_command();
    commands.ended
}

#[derive(Default)]
struct Commands {
    ended: Vec<Vec<String>>,
    words: Vec<String>,
    word: String,
    /// The next word is a file.
    is_redirected: bool,
}

impl Commands {
    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        if !word.is_empty() && !std::mem::take(&mut self.is_redirected) {
            self.words.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        if !words.is_empty() {
            self.ended.push(words);
        }
    }
}
