//! Opens what an outage left.

use std::path::{Path, PathBuf};

use tokio::runtime::Runtime;

use super::agreement::{disagreements, lists};
use super::client::Client;
use super::image::Image;
use super::ledger::{Ledger, Write};
use super::load::Load;
use super::memory;
use super::server::{Server, dump, verify};

/// Everything acknowledged is there, and the server goes on writing.
pub(super) fn examine(runtime: &Runtime, image: &Image, mut ledger: Ledger) -> Result<(), String> {
    let folder = memory::folder();
    let data = unpack(image, folder.path());
    let found = open_and_compare(runtime, &data, &mut ledger);
    found.map_err(|found| {
        let kept = folder.keep();
        unpack(image, &kept.join("untouched"));
        format!(
            "{found} (the folder before it was opened: {}/untouched)",
            kept.display()
        )
    })
}

fn open_and_compare(runtime: &Runtime, data: &Path, ledger: &mut Ledger) -> Result<(), String> {
    let server = Server::start(data, None)
        .map_err(|refusal| format!("the server does not start: {refusal:?}"))?;
    let project = server.announcement.project.clone();
    let client = Client::new(&server.announcement);
    let lists = runtime.block_on(async {
        post_one_more(&client, ledger).await?;
        lists(&client).await
    })?;
    server.kill();
    let log =
        dump(data, &project).map_err(|refusal| format!("the log cannot be dumped: {refusal:?}"))?;
    verify(data).map_err(|refusal| format!("the folder does not verify: {refusal:?}"))?;
    let found = disagreements(ledger, &log, &lists);
    if found.is_empty() {
        Ok(())
    } else {
        Err(found.join("; "))
    }
}

async fn post_one_more(client: &Client, ledger: &mut Ledger) -> Result<(), String> {
    let thread = Load::threads().next().expect("the load has threads");
    let text = "written after the power came back".to_owned();
    let write = Write {
        idempotency_key: "after".to_owned(),
        thread,
        wanted_id: "after".to_owned(),
        text,
    };
    client
        .create_thread(&write.thread, &format!("create-{}", write.thread))
        .await
        .map_err(|error| format!("{error:?}"))?;
    let id = ledger.begin(write.clone());
    let answer = client
        .post_item(&write.thread, "after", "after", &write.text)
        .await
        .map_err(|error| format!("{error:?}"))?;
    ledger.acknowledge(id, answer.id, answer.offset, 0);
    Ok(())
}

pub(super) fn unpack(image: &Image, folder: &Path) -> PathBuf {
    let data = folder.join("data");
    std::fs::create_dir_all(&data)
        .and_then(|()| image.write(&data))
        .expect("the folder can be written");
    data.canonicalize().expect("it is there")
}
