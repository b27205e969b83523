//! What commands share that work on a folder while no server runs.

use std::path::Path;

use everlog_actors::Node;
use everlog_domain::ids::{ProjectId, ProjectNumber};

use super::failure::Failure;
use super::serving::{halt_process, runtime};
use crate::config::DataOptions;
use crate::wiring;

/// Refuses a folder that is not there: opening would make it, and find nothing wrong with it.
pub(super) fn expect_folder(data: &Path) -> Result<(), Failure> {
    if data.is_dir() {
        return Ok(());
    }
    let reason = format!(
        "{}: expected a data folder; name one with --data",
        data.display()
    );
    Err(Failure::Refused(reason))
}

/// Runs a command with the actors of a folder, and closes the folder again.
pub(super) fn with_node<T>(
    data: &DataOptions,
    work: impl AsyncFnOnce(&Node) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let options = wiring::storage_options(data, 0)?;
    runtime()?.block_on(async {
        let running = wiring::start(options).await?;
        let done = work(&running.node).await;
        if let Err(halt) = running.stop().await {
            halt_process(&halt);
        }
        done
    })
}

/// The number of a project.
pub(super) fn project_number(node: &Node, id: &str) -> Result<ProjectNumber, Failure> {
    if id == "console" {
        return Ok(everlog_domain::ids::CONSOLE);
    }
    let parsed = ProjectId::parse(id).map_err(Failure::failed)?;
    let unknown = || {
        Failure::failed(format!(
            "there is no project {id}: make it with `everlog project create`"
        ))
    };
    node.project_number(&parsed)?.ok_or_else(unknown)
}
