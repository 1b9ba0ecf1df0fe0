//! The state file of a run: what is to be published, and how far it came.
//!
//! One JSON object a line: the head, every errand, and then lines that say how many errands, from the first, are done. It only ever
//! grows, so a crash can cost the last line and nothing else; what is published once more then is known by its message id. It holds
//! positions and names of rules, no key and no value.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use wx_courier_core::event::RunId;
use wx_courier_core::replay::Errand;

/// The layout of the file.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    run: String,
    errands: usize,
}

#[derive(Serialize, Deserialize)]
struct Done {
    done: usize,
}

/// The file of a run under way. All that it does blocks.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    done: usize,
}

/// A run as its file tells it.
#[derive(Debug)]
pub struct Found {
    /// Names the run.
    pub run: String,
    /// Everything that is to be published.
    pub errands: Vec<Errand>,
    /// How many of them, from the first, are done.
    pub done: usize,
}

/// Where the file of a run lies in a folder: no two runs have one name.
pub fn place_in(folder: &Path, run: &RunId) -> PathBuf {
    folder.join(format!("replay-{run}.jsonl"))
}

impl Journal {
    /// Writes down what is to be done, and makes the folder if it is not there. A file of that name must not be there: it may be another
    /// run's.
    pub fn create(path: &Path, run: &str, errands: &[Errand]) -> anyhow::Result<Self> {
        let write = || -> std::io::Result<File> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let file = OpenOptions::new().write(true).create_new(true).open(path)?;
            let mut writer = BufWriter::new(file);
            let head = Head {
                version: VERSION,
                run: run.to_owned(),
                errands: errands.len(),
            };
            write_line(&mut writer, &head)?;
            for errand in errands {
                write_line(&mut writer, errand)?;
            }
            let file = writer
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)?;
            file.sync_all()?;
            Ok(file)
        };
        let name = path.display();
        let file = write().with_context(|| {
            format!("the state file {name} cannot be written: say another place with --state FILE")
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            done: 0,
        })
    }

    /// Reads a file that a run has left.
    pub fn open(path: &Path) -> anyhow::Result<(Self, Found)> {
        let name = path.display();
        let cannot = || format!("the state file {name} cannot be read");
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .with_context(cannot)?;
        let mut lines = BufReader::new(&file).lines();
        let head: Head = lines
            .next()
            .transpose()
            .with_context(cannot)?
            .and_then(|line| serde_json::from_str(&line).ok())
            .with_context(|| format!("{name} is not the state file of a replay"))?;
        if head.version != VERSION {
            bail!("{name} was written by another version of wx-courier");
        }
        let mut errands = Vec::new();
        for line in lines.by_ref().take(head.errands) {
            let line = line.with_context(cannot)?;
            errands.extend(serde_json::from_str::<Errand>(&line).ok());
        }
        if errands.len() != head.errands {
            bail!(
                "{name} was not written to its end: nothing was published by then, so delete it and begin anew"
            );
        }
        let mut done = 0;
        for line in lines {
            // The last line may be half a line.
            if let Ok(said) = serde_json::from_str::<Done>(&line.with_context(cannot)?) {
                done = said.done.min(errands.len());
            }
        }
        // So that half a line does not spoil the next one.
        file.write_all(b"\n").with_context(cannot)?;
        let journal = Self {
            path: path.to_owned(),
            file,
            done,
        };
        let found = Found {
            run: head.run,
            errands,
            done,
        };
        Ok((journal, found))
    }

    /// Notes that so many errands, from the first, are done, and waits until the disk has it.
    pub(super) fn note(&mut self, done: usize) -> anyhow::Result<()> {
        if done == self.done {
            return Ok(());
        }
        self.done = done;
        let written =
            write_line(&mut self.file, &Done { done }).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("the state file {} cannot be written", self.path.display()))
    }

    /// The run is through: no run will ask for the file any more.
    pub(super) fn remove(self) -> anyhow::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(|| {
                format!("the state file {} cannot be removed", self.path.display())
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    out.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wx_courier_core::replay::{Form, Place, Sending};

    fn errands() -> Vec<Errand> {
        let place = |offset| Place {
            topic: "orders".into(),
            partition: 1,
            offset,
        };
        let errand = |offset| Errand {
            of: place(offset),
            read_at: place(offset),
            form: Form::Original,
            rules: vec!["a".into()],
            sending: Sending::Once,
            messages: 1,
        };
        (0..3).map(errand).collect()
    }

    #[test]
    fn a_run_is_found_again_where_it_stopped_even_behind_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/replay.jsonl");
        let mut journal = Journal::create(&path, "r", &errands()).unwrap();
        journal.note(1).unwrap();
        journal.file.write_all(b"{\"done\": 2").unwrap();
        assert!(Journal::create(&path, "r", &errands()).is_err());

        let (mut journal, found) = Journal::open(&path).unwrap();
        assert_eq!((found.run.as_str(), found.done), ("r", 1));
        assert_eq!(found.errands, errands());
        journal.note(3).unwrap();
        let (journal, found) = Journal::open(&path).unwrap();
        assert_eq!(found.done, 3);
        journal.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_whole_state_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replay.jsonl");
        let journal = Journal::create(&path, "r", &errands()).unwrap();
        let text = std::fs::read_to_string(journal.path()).unwrap();
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let error = Journal::open(&path).err().unwrap();
            error.to_string()
        };
        assert!(told("{}").contains("not the state file"));
        assert!(told(&text.replace("\"version\":1", "\"version\":2")).contains("another version"));
        let half = text.strip_suffix("}\n").unwrap();
        assert!(told(half).contains("not written to its end"));
    }
}
