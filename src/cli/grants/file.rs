//! The CSV file of an import: every line is checked before anything is set.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context as _;
use csv::{Reader, ReaderBuilder, StringRecord, Trim};

use crate::cli::complain;
use crate::edges::grants::Wanted;
use wx_courier_core::catalog::Catalog;
use wx_courier_core::document::other_encoding;
use wx_courier_core::grants::{Key, Named};

/// What is wrong with a file.
pub(super) struct Mistakes {
    file: String,
    /// The line, where one is at fault, and what was expected of it.
    found: Vec<(Option<u64>, String)>,
}

/// More are counted, and not told.
const MOST_TOLD: usize = 100;

impl Mistakes {
    /// Says them all.
    pub(super) fn tell(&self) {
        let Self { file, found } = self;
        for (line, what) in found.iter().take(MOST_TOLD) {
            match line {
                Some(line) => complain(format_args!("error: {file}:{line}: {what}")),
                None => complain(format_args!("error: {file}: {what}")),
            }
        }
        if let Some(more @ 1..) = found.len().checked_sub(MOST_TOLD) {
            complain(format_args!("… and {more} more"));
        }
        complain("nothing was set");
    }
}

/// Reads a file; `-` is standard input. The outer error is one of reading it at all.
pub(super) fn read(
    path: &Path,
    catalog: &Catalog,
) -> anyhow::Result<Result<Vec<Wanted>, Mistakes>> {
    if path.as_os_str() == "-" {
        return parse("standard input", std::io::stdin().lock(), catalog);
    }
    let file = path.display().to_string();
    let open = File::open(path).with_context(|| format!("{file} cannot be read"))?;
    parse(&file, open, catalog)
}

/// Where the columns are.
struct Columns {
    app: App,
    openid: usize,
    template: usize,
    left: usize,
}

/// On which line a record begins. The reader's own count stands before the end of the line before, and before empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Looked at up to here.
    offset: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            offset: 0,
            line: 1,
        }
    }

    /// Places must be asked for in their order.
    fn line_at(&mut self, at: &csv::Position) -> u64 {
        let at = usize::try_from(at.byte()).unwrap_or(usize::MAX);
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        for byte in rest {
            if self.offset >= at && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.offset += 1;
        }
        self.line
    }
}

/// How the app of a line is known.
enum App {
    /// It stands in this column.
    Column(usize),
    /// There is only one.
    Always(String),
}

fn parse(
    file: &str,
    mut input: impl Read,
    catalog: &Catalog,
) -> anyhow::Result<Result<Vec<Wanted>, Mistakes>> {
    let mut bytes = Vec::new();
    input
        .read_to_end(&mut bytes)
        .with_context(|| format!("{file} cannot be read"))?;
    let mut lines_of = Lines::of(&bytes);
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .flexible(true)
        .from_reader(bytes.as_slice());
    let mut mistakes = Mistakes {
        file: file.to_owned(),
        found: Vec::new(),
    };
    let columns = match columns(&mut reader, catalog, &bytes) {
        Ok(columns) => columns,
        Err(mistake) => {
            mistakes.found.push((Some(1), mistake));
            return Ok(Err(mistakes));
        }
    };
    let n_columns = reader.headers()?.len();
    let mut wanted = Vec::new();
    let mut lines: HashMap<Key, u64> = HashMap::new();
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.is_io_error() => {
                return Err(error).with_context(|| format!("{file} cannot be read"));
            }
            Err(error) => {
                let line = error.position().map(|at| lines_of.line_at(at));
                mistakes.found.push((line, not_utf_8(&bytes)));
                continue;
            }
        }
        let line = record.position().map_or(0, |at| lines_of.line_at(at));
        if record.len() != n_columns {
            let what = format!(
                "expected {n_columns} columns as in the first line, found {}",
                record.len()
            );
            mistakes.found.push((Some(line), what));
            continue;
        }
        match row(&record, &columns, catalog) {
            Ok(row) => match lines.insert(row.named.key.clone(), line) {
                Some(first) => mistakes.found.push((
                    Some(line),
                    format!("line {first} has the same user and template already"),
                )),
                None => wanted.push(row),
            },
            Err(what) => mistakes.found.push((Some(line), what)),
        }
    }
    if mistakes.found.is_empty() && wanted.is_empty() {
        let what = "there is nothing after the first line".to_owned();
        mistakes.found.push((None, what));
    }
    Ok(if mistakes.found.is_empty() {
        Ok(wanted)
    } else {
        Err(mistakes)
    })
}

/// Spreadsheets on Windows save GBK, and UTF-16 as "Unicode text".
fn not_utf_8(bytes: &[u8]) -> String {
    let looks_like = match other_encoding(bytes) {
        Some(encoding) => format!(", and this looks like {encoding}"),
        None => String::new(),
    };
    format!("expected text in UTF-8{looks_like}: save the file as CSV UTF-8")
}

fn columns(
    reader: &mut Reader<impl Read>,
    catalog: &Catalog,
    bytes: &[u8],
) -> Result<Columns, String> {
    const EXPECTED: &str = "expected the names of the columns: app,openid,template,left";
    let headers = reader
        .headers()
        .map_err(|_| format!("{EXPECTED}; {}", not_utf_8(bytes)))?;
    let known = ["app", "openid", "template", "left"];
    // The text is not repeated: where the first line is missing, it may be an openid.
    if let Some(at) = headers.iter().position(|name| !known.contains(&name)) {
        return Err(format!(
            "{EXPECTED}; the one of column {} is none of them",
            at + 1
        ));
    }
    let place = |wanted: &str| {
        let mut places = headers.iter().zip(0..).filter(|(name, _)| *name == wanted);
        match (places.next(), places.next()) {
            (Some((_, at)), None) => Ok(at),
            (None, _) => Err(format!("{EXPECTED}; there is no `{wanted}`")),
            (Some(_), Some(_)) => Err(format!("{EXPECTED}; there are two `{wanted}`")),
        }
    };
    let app = match (place("app"), only_app(catalog)) {
        (Ok(at), _) => App::Column(at),
        (Err(_), Some(app)) if !headers.iter().any(|name| name == "app") => App::Always(app),
        (Err(mistake), _) => return Err(mistake),
    };
    Ok(Columns {
        app,
        openid: place("openid")?,
        template: place("template")?,
        left: place("left")?,
    })
}

/// The app, if the catalog has just one.
fn only_app(catalog: &Catalog) -> Option<String> {
    let mut apps = catalog.iter().map(|template| &template.app);
    let first = apps.next()?;
    apps.all(|app| app == first).then(|| first.to_string())
}

fn row(record: &StringRecord, columns: &Columns, catalog: &Catalog) -> Result<Wanted, String> {
    let cell = |at: usize| record.get(at).unwrap_or_default();
    let app = match &columns.app {
        App::Column(at) => cell(*at),
        App::Always(app) => app,
    };
    let left = cell(columns.left).parse::<u32>();
    let left = left.map_err(|_| format!("left: expected a whole number from 0 to {}", u32::MAX));
    let named = Named::find(catalog, app, cell(columns.openid), cell(columns.template));
    match (named, left) {
        (Ok(named), Ok(left)) => Ok(Wanted {
            named,
            left: Some(left),
        }),
        (Ok(_), Err(left)) => Err(left),
        (Err(why), Ok(_)) => Err(why.to_string()),
        (Err(why), Err(left)) => Err(format!("{why}; {left}")),
    }
}
