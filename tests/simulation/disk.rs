//! A disk that keeps what was synced. When the power fails it has kept an arbitrary part of the
//! rest: whole writes are missing, others were made out of order, and a long one may be torn
//! between two sectors.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use redb::StorageBackend;

/// The unit that a disk writes atomically.
const SECTOR_BYTES: usize = 512;

/// A disk. Opening it again takes it away from the previous holder.
#[derive(Debug, Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What a reader sees: everything that was written.
    written: Vec<u8>,
    /// What certainly survives a power failure.
    synced: Vec<u8>,
    /// Writes since the last sync: offset and data.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// How often it was opened or lost its power.
    opened: u64,
    /// Syncs until the power fails.
    syncs_left: Option<u32>,
    random: ChaCha8Rng,
}

impl Disk {
    pub(crate) fn new(random: ChaCha8Rng) -> Self {
        let state = State {
            written: Vec::new(),
            synced: Vec::new(),
            unsynced: Vec::new(),
            opened: 0,
            syncs_left: None,
            random,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Opens the disk.
    pub(crate) fn open(&self) -> OpenDisk {
        let mut state = self.state();
        state.opened += 1;
        OpenDisk { disk: self.clone(), opened: state.opened }
    }

    /// Takes the disk away from its holder, as the end of a process does. The system keeps what was
    /// written.
    pub(crate) fn close(&self) {
        self.state().opened += 1;
    }

    /// Makes the power fail now.
    pub(crate) fn fail(&self) {
        self.state().fail();
    }

    /// Makes the power fail instead of the sync after this many.
    pub(crate) fn fail_after(&self, syncs: u32) {
        self.state().syncs_left = Some(syncs);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self) {
        self.opened += 1;
        self.syncs_left = None;
        let mut kept: Vec<(usize, Vec<u8>)> = Vec::new();
        // Sorted by offset, because the order in which a program writes between two syncs may
        // depend on things that are not simulated.
        let mut unsynced = std::mem::take(&mut self.unsynced);
        unsynced.sort_by_key(|(offset, _)| *offset);
        for (offset, data) in unsynced {
            let sectors = sectors(offset, data.len());
            // A third of the writes is kept, a third is lost, and of a third some sectors are kept.
            match self.random.random_range(0..3) {
                0 => kept.push((offset, data)),
                1 => {}
                _ => {
                    for (start, end) in sectors {
                        if self.random.random() {
                            kept.push((offset + start, data[start..end].to_vec()));
                        }
                    }
                }
            }
        }
        // The later of two writes to the same sector may have come first.
        while !kept.is_empty() {
            let (offset, data) = kept.swap_remove(self.random.random_range(0..kept.len()));
            write(&mut self.synced, offset, &data);
        }
        self.written.clone_from(&self.synced);
    }
}

/// The sectors of a write, each as a part of it.
fn sectors(offset: usize, length: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < length {
        let end = (start + SECTOR_BYTES - (offset + start) % SECTOR_BYTES).min(length);
        parts.push((start, end));
        start = end;
    }
    parts
}

fn write(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

/// A disk as one process has it open, until another process opens it or the power fails.
#[derive(Debug)]
pub(crate) struct OpenDisk {
    disk: Disk,
    opened: u64,
}

impl OpenDisk {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.opened == self.opened { Ok(state) } else { Err(io::Error::other("the disk is gone")) }
    }
}

impl StorageBackend for OpenDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = index(offset);
        let state = self.state()?;
        let data = state.written.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state()?;
        // The length is durable at once, because file systems journal it.
        state.written.resize(index(len), 0);
        state.synced.resize(index(len), 0);
        state.unsynced.retain_mut(|(offset, data)| {
            data.truncate(index(len).saturating_sub(*offset));
            !data.is_empty()
        });
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        match state.syncs_left {
            Some(0) => {
                state.fail();
                return Err(io::Error::other("the power failed"));
            }
            Some(left) => state.syncs_left = Some(left - 1),
            None => {}
        }
        let State { synced, unsynced, .. } = &mut *state;
        for (offset, data) in unsynced.drain(..) {
            write(synced, offset, &data);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state()?;
        write(&mut state.written, index(offset), data);
        state.unsynced.push((index(offset), data.to_vec()));
        Ok(())
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("a simulated disk fits in memory")
}
