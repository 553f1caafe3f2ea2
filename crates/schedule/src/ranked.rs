//! A sorted set that finds the entry at a rank without visiting all entries before it.

/// The most entries of a chunk.
const CHUNK_MAX: usize = 512;

/// Entries in ascending order, in chunks. To add or remove one of n entries takes a time of O(n /
/// [`CHUNK_MAX`] + [`CHUNK_MAX`]); to find one by its value or its rank, O(log n).
#[derive(Debug, Clone)]
pub(crate) struct Ranked<T> {
    /// No chunk is empty.
    chunks: Vec<Vec<T>>,
    /// The number of entries in each chunk and all chunks before it.
    ends: Vec<usize>,
}

impl<T> Default for Ranked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), ends: Vec::new() }
    }
}

impl<T: Ord + Copy> Ranked<T> {
    /// Adds an entry. Does nothing if the set contains it.
    pub(crate) fn insert(&mut self, entry: T) {
        let at = self.chunk_of(entry).min(self.chunks.len().saturating_sub(1));
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(vec![entry]);
            self.count_from(0);
            return;
        };
        let Err(place) = chunk.binary_search(&entry) else { return };
        if chunk.len() < CHUNK_MAX {
            chunk.insert(place, entry);
        } else {
            // Most entries come in ascending order, and leave full chunks behind.
            let cut = if place == CHUNK_MAX { CHUNK_MAX } else { CHUNK_MAX / 2 };
            let mut upper = chunk.split_off(cut);
            chunk.shrink_to_fit();
            if place < cut {
                chunk.insert(place, entry);
            } else {
                upper.insert(place - cut, entry);
            }
            self.chunks.insert(at + 1, upper);
        }
        self.count_from(at);
    }

    pub(crate) fn remove(&mut self, entry: T) {
        let at = self.chunk_of(entry);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let Ok(place) = chunk.binary_search(&entry) else { return };
        chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.count_from(at);
    }

    pub(crate) fn len(&self) -> usize {
        self.before(self.chunks.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// All entries, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        self.chunks.iter().flatten().copied()
    }

    /// The entries without the `skip` largest ones, descending.
    pub(crate) fn descending(&self, skip: usize) -> impl Iterator<Item = T> {
        let left = self.len().saturating_sub(skip);
        // The chunk of the last entry that is left, and how many of its entries are left.
        let at = self.ends.partition_point(|end| *end < left);
        let part = self.chunks.get(at).map_or(&[][..], |chunk| &chunk[..left - self.before(at)]);
        part.iter().rev().chain(self.chunks[..at].iter().rev().flat_map(|chunk| chunk.iter().rev())).copied()
    }

    /// How many entries `is_before` is true of. It must be true of the smallest ones.
    pub(crate) fn count_while(&self, is_before: impl Fn(T) -> bool) -> usize {
        let at = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| is_before(*last)));
        let part = self.chunks.get(at).map_or(0, |chunk| chunk.partition_point(|entry| is_before(*entry)));
        self.before(at) + part
    }

    /// The first chunk whose last entry is not smaller than `entry`.
    fn chunk_of(&self, entry: T) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| *last < entry))
    }

    /// The number of entries before a chunk.
    fn before(&self, chunk: usize) -> usize {
        chunk.checked_sub(1).map_or(0, |last| self.ends[last])
    }

    /// Counts again, from a chunk that has changed.
    fn count_from(&mut self, chunk: usize) {
        self.ends.truncate(chunk);
        let mut sum = self.before(chunk);
        for chunk in &self.chunks[chunk..] {
            sum += chunk.len();
            self.ends.push(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn it_agrees_with_a_plain_set() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let (mut ranked, mut plain) = (Ranked::default(), BTreeSet::new());
        for step in 0..20_000_u32 {
            // At first more entries are added than removed, later the reverse.
            let entry: u32 = random.random_range(0..4_000);
            if random.random_bool(if step < 10_000 { 0.8 } else { 0.2 }) {
                ranked.insert(entry);
                plain.insert(entry);
            } else {
                ranked.remove(entry);
                plain.remove(&entry);
            }
            if step % 100 == 0 {
                let skip = random.random_range(0..4_500);
                assert_eq!(ranked.count_while(|other| other < entry), plain.range(..entry).count());
                let page: Vec<_> = ranked.descending(skip).take(20).collect();
                assert_eq!(page, plain.iter().rev().skip(skip).take(20).copied().collect::<Vec<_>>());
                assert!(ranked.iter().eq(plain.iter().copied()));
                assert_eq!((ranked.len(), ranked.is_empty()), (plain.len(), plain.is_empty()));
            }
        }
        for entry in plain {
            ranked.remove(entry);
        }
        assert!(ranked.is_empty() && ranked.chunks.is_empty());
    }
}
