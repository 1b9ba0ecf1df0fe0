//! Questions of commands to the pages of a running service.

use std::path::PathBuf;

use super::{Exit, block_on, complain, complain_of, say, sources};
use crate::config::{Loaded, Secret, load};
use crate::edges::instance_pages::{InstancePages, Patience, Unanswered, reachable};

/// Which service is asked.
#[derive(clap::Args)]
pub(super) struct Instance {
    /// Where the service listens; http.listen of the settings unless said
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
}

impl Instance {
    /// Posts to a page, and says what the service says.
    pub(super) fn change(
        &self,
        folder: PathBuf,
        page: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<Exit> {
        let Some(service) = self.find(folder) else {
            return Ok(Exit::BadConfiguration);
        };
        let pages = service.pages()?;
        let answer = block_on(async { answer_in(pages.change(page, query).await) })?;
        Ok(tell(answer))
    }

    /// Asks for a page that needs no proof, and says what the service says.
    pub(super) fn look(&self, folder: PathBuf, page: &str) -> anyhow::Result<Exit> {
        self.page(folder, page).map(tell)
    }

    /// Asks for a page that needs no proof, and gives it, or says why not.
    pub(super) fn page(&self, folder: PathBuf, page: &str) -> anyhow::Result<Result<String, Exit>> {
        let Some(service) = self.find(folder) else {
            return Ok(Err(Exit::BadConfiguration));
        };
        let pages = service.pages()?;
        block_on(async { answer_in(pages.look(page).await) })
    }

    /// Where the service is. Tells what is wrong with the settings, if they are needed for it.
    pub(super) fn find(&self, folder: PathBuf) -> Option<Service> {
        let loaded = load(&sources(folder, Vec::new()));
        let address = self.address(&loaded)?;
        let token = loaded.http.and_then(|http| http.token);
        Some(Service { address, token })
    }

    /// Where to ask. Tells what is wrong with the settings if they are needed for it and cannot be used.
    fn address(&self, loaded: &Loaded) -> Option<String> {
        if let Some(at) = &self.at {
            return Some(at.clone());
        }
        let Some(http) = &loaded.http else {
            complain_of(&loaded.problems);
            return None;
        };
        let address = reachable(http).to_string();
        if loaded.settings.is_none() {
            complain(format_args!(
                "note: the settings have mistakes (`wx-courier check` tells them); asking at {address}, as far as they can be read"
            ));
        }
        Some(address)
    }
}

/// A running service.
pub(super) struct Service {
    address: String,
    token: Option<Secret>,
}

impl Service {
    /// Asks for a page that needs no proof, and tells nothing: gives it, or why there is none.
    pub(super) fn ask(&self, page: &str) -> anyhow::Result<Result<String, String>> {
        let pages = self.pages()?;
        block_on(async {
            let answer = pages.look(page).await;
            Ok(answer.map_err(|error| format!("{:#}", anyhow::Error::new(error))))
        })
    }

    fn pages(&self) -> reqwest::Result<InstancePages> {
        InstancePages::new(&self.address, self.token.clone(), Patience::OF_A_COMMAND)
    }
}

/// What a page answers. A refusal is told.
fn answer_in(answer: Result<String, Unanswered>) -> anyhow::Result<Result<String, Exit>> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(refused @ Unanswered::Refused { .. }) => {
            complain(format_args!("error: {refused}"));
            Ok(Err(Exit::No))
        }
        Err(
            error @ (Unanswered::NoAddress { .. }
            | Unanswered::Unreachable { .. }
            | Unanswered::Broken(_)
            | Unanswered::TooLong { .. }),
        ) => Err(error.into()),
    }
}

fn tell(answer: Result<String, Exit>) -> Exit {
    match answer {
        Ok(answer) => {
            say(answer.trim_end());
            Exit::Done
        }
        Err(exit) => exit,
    }
}
