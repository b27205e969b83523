//! The data set: chats between a user and an assistant, a line of JSON each, compressed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;

/// It lies beside the project, not in it, and is not everywhere.
pub(super) const FILE: &str = "../shared/data/chat/dialogues.jsonl.gz";

/// What the file holds: a file cut short would prove less, and look alike.
const DIALOGUES: usize = 2_921;
const TURNS: usize = 49_726;

/// A dialogue: its id serves as the thread's.
#[derive(Debug, Deserialize)]
pub(super) struct Dialogue {
    pub(super) id: String,
    pub(super) turns: Vec<Turn>,
}

/// What one side says: a pair of strings in the file.
#[derive(Debug, Deserialize)]
pub(super) struct Turn {
    pub(super) role: String,
    pub(super) text: String,
}

/// All dialogues in the file's order, or `None` where there is no such file.
pub(super) fn load() -> Option<Vec<Dialogue>> {
    let file = File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE));
    let file = file.ok()?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    let dialogue = |line: std::io::Result<String>| {
        let line = line.unwrap_or_else(|error| panic!("{FILE}: {error}"));
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{FILE}: {error} in {line}"))
    };
    let dialogues: Vec<Dialogue> = lines.map(dialogue).collect();
    let size = (dialogues.len(), count_turns(&dialogues));
    assert_eq!(size, (DIALOGUES, TURNS), "{FILE} is not the data set");
    Some(dialogues)
}

/// How many items they make.
pub(super) fn count_turns(dialogues: &[Dialogue]) -> usize {
    dialogues.iter().map(|dialogue| dialogue.turns.len()).sum()
}

/// Their places in the file by their ids.
pub(super) fn numbers(dialogues: &[Dialogue]) -> HashMap<String, usize> {
    let ids = dialogues.iter().map(|dialogue| dialogue.id.clone());
    ids.zip(0..).collect()
}
