//! A simulated chain in a file, shared by processes. The file is small and written whole: into a
//! neighbour that then takes its place, so a reader always sees one complete state and needs no
//! lock. Writers take turns by a lock on a file next to it.
//!
//! JSON lines: a head with a checksum of all that follows, then raw blocks from height 1 up, blocks
//! taken back, and the mempool in the order of arrival. The state is rebuilt from these. Scripts
//! are not run again: they were when the transactions came in.
//!
//! A power cut may cost the last change; nothing here is worth an fsync.

use super::SimulatedError;
use super::state::State;
use crate::{ChainError, foreign};
use bitcoin::Block;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::{Hash, sha256};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

const FORMAT: u32 = 1;
/// A head line is shorter than this; other files may have one endless line.
const MAX_HEAD: u64 = 4_096;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    simulated_chain: u32,
    start: u32,
    mined: u64,
    sum: sha256::Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Block(String),
    Stale(String),
    Mempool(String),
}

/// A chain in a file, with the state as last read.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    name: String,
    start: u32,
    /// The head line this state was read or written with; none while there is no file. It holds
    /// the checksum, so an equal head is an equal file.
    head: Option<String>,
    state: State,
}

impl Shared {
    pub(super) fn open(path: &Path, start: u32) -> Result<Self, ChainError> {
        let mut shared = Self {
            path: path.to_owned(),
            name: format!(
                "the simulated chain in {}",
                foreign(&path.display().to_string())
            ),
            start,
            head: None,
            state: State::new(start),
        };
        shared.current()?;
        Ok(shared)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The state as the file has it now.
    pub(super) fn current(&mut self) -> Result<&State, ChainError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if self.head.take().is_some() {
                    self.state = State::new(self.start);
                }
                return Ok(&self.state);
            }
            Err(e) => return Err(self.trouble(&e)),
        };
        let mut reader = BufReader::new(file);
        let mut head = String::new();
        let read = (&mut reader).take(MAX_HEAD).read_line(&mut head);
        match read {
            Ok(_) if self.head.as_ref() == Some(&head) => return Ok(&self.state),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::InvalidData => return Err(self.not_ours()),
            Err(e) => return Err(self.trouble(&e)),
        }
        let parsed: Head = serde_json::from_str(&head).map_err(|_| self.not_ours())?;
        if parsed.simulated_chain != FORMAT {
            return Err(self.damaged(format!(
                "its format is {}, this version reads format {FORMAT}",
                parsed.simulated_chain
            )));
        }
        let mut body = String::new();
        reader
            .read_to_string(&mut body)
            .map_err(|e| self.trouble(&e))?;
        if sha256::Hash::hash(body.as_bytes()) != parsed.sum {
            return Err(self.damaged("its checksum is wrong; delete the file to start anew"));
        }
        let state = rebuild(&parsed, &body).map_err(|reason| self.damaged(reason))?;
        self.state = state;
        self.head = Some(head);
        Ok(&self.state)
    }

    /// Changes the state, alone among all processes, and writes it. What a failed change did before
    /// it failed is written too, as the chain in memory keeps it.
    pub(super) fn change<T>(
        &mut self,
        change: impl FnOnce(&mut State) -> Result<T, SimulatedError>,
    ) -> Result<T, SimulatedError> {
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.neighbour(".lock"))
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|e| self.trouble(&e))?;
        self.current()?;
        let outcome = change(&mut self.state);
        let saved = self.save();
        if saved.is_err() {
            // The file is the truth: forget what could not be written.
            self.head = Some(String::new());
        }
        drop(lock);
        saved?;
        outcome
    }

    fn save(&mut self) -> Result<(), ChainError> {
        let text = |e: serde_json::Error| self.damaged(format!("it can't be written: {e}"));
        let mut body = String::new();
        for line in lines(&self.state) {
            body.push_str(&serde_json::to_string(&line).map_err(text)?);
            body.push('\n');
        }
        let head = Head {
            simulated_chain: FORMAT,
            start: self.state.chain().start,
            mined: self.state.mined(),
            sum: sha256::Hash::hash(body.as_bytes()),
        };
        let head = serde_json::to_string(&head).map_err(text)? + "\n";
        let new = self.neighbour(".new");
        fs::write(&new, format!("{head}{body}"))
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(|e| self.trouble(&e))?;
        self.head = Some(head);
        Ok(())
    }

    fn neighbour(&self, suffix: &str) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(suffix);
        PathBuf::from(name)
    }

    fn trouble(&self, error: &io::Error) -> ChainError {
        ChainError::Unreachable {
            source_name: self.name.clone(),
            reason: error.to_string(),
        }
    }

    fn not_ours(&self) -> ChainError {
        self.damaged("the file is not a simulated chain")
    }

    fn damaged(&self, reason: impl Into<String>) -> ChainError {
        ChainError::BadAnswer {
            source_name: self.name.clone(),
            reason: reason.into(),
        }
    }
}

fn lines(state: &State) -> impl Iterator<Item = Line> {
    let blocks = state.chain().mined_blocks().iter();
    let stale = state.chain().stale_blocks();
    let mempool = state.mempool().entries();
    blocks
        .map(|block| Line::Block(serialize_hex(block)))
        .chain(stale.map(|block| Line::Stale(serialize_hex(block))))
        .chain(mempool.map(|entry| Line::Mempool(serialize_hex(&entry.tx))))
}

fn rebuild(head: &Head, body: &str) -> Result<State, String> {
    let mut state = State::resume(head.start, head.mined);
    for (line, number) in body.lines().zip(2..) {
        let at = |reason: String| format!("line {number}: {}", foreign(&reason));
        let unreadable = |e: bitcoin::consensus::encode::FromHexError| at(e.to_string());
        let line: Line = serde_json::from_str(line).map_err(|e| at(e.to_string()))?;
        match line {
            Line::Block(hex) => {
                let block: Block = deserialize_hex(&hex).map_err(unreadable)?;
                state.replay(block).map_err(at)?;
            }
            Line::Stale(hex) => state.keep_stale(deserialize_hex(&hex).map_err(unreadable)?),
            Line::Mempool(hex) => {
                let tx = deserialize_hex(&hex).map_err(unreadable)?;
                let refused = |refusal| at(format!("the mempool refuses it: {refusal:?}"));
                state.readmit(tx).map_err(refused)?;
            }
        }
    }
    Ok(state)
}
