use super::*;
use crate::lanes::Portable;

/// What a draw is, and how many bits it has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Radius,
    Angle,
    Coin,
}

impl Kind {
    const fn bits(self) -> u32 {
        if matches!(self, Self::Angle) { 19 } else { 32 }
    }

    /// The first bits, which are independent of all other draws' first bits.
    const fn own(self) -> u32 {
        if matches!(self, Self::Radius) { 12 } else { 10 }
    }
}

/// Every draw of the year with these words: its bits, the first one highest.
fn draws(words: [u32; WORDS]) -> Vec<(Kind, u32)> {
    let words = words.map(|word| [word; 4]);
    let mut all = Vec::new();
    for half in [0, 1] {
        let draws = Draws::new(Portable, &words, half);
        all.extend(draws.radius.map(|word| (Kind::Radius, word[0])));
        all.extend(draws.angle.map(|word| (Kind::Angle, (word[0] ^ ANGLE_REST) << 12)));
        all.extend(draws.coin.map(|word| (Kind::Coin, word[0])));
    }
    all
}

/// A row of bits: which of the year's 512 bits a bit of a draw is the exclusive or of.
type Row = [u64; 8];

/// The rows of every draw, its first bit first. Draws are linear in the words' bits, so what they make of single bits says everything.
fn rows() -> Vec<(Kind, Vec<Row>)> {
    let mut all: Vec<_> = draws([0; WORDS])
        .iter()
        .map(|&(kind, _)| (kind, vec![Row::default(); kind.bits() as usize]))
        .collect();
    for bit in 0..32 * WORDS {
        let mut words = [0; WORDS];
        words[bit / 32] = 1 << (bit % 32);
        for ((_, rows), (_, draw)) in all.iter_mut().zip(draws(words)) {
            for (row, level) in rows.iter_mut().zip(0..) {
                row[bit / 64] |= u64::from(draw << level >> 31) << (bit % 64);
            }
        }
    }
    all
}

/// Whether no row is the exclusive or of others.
fn independent<'a>(rows: impl IntoIterator<Item = &'a Row>) -> bool {
    let mut basis: Vec<Option<Row>> = vec![None; 32 * WORDS];
    'rows: for row in rows {
        let mut row = *row;
        while let Some(part) = row.iter().position(|&bits| bits != 0) {
            let first = 64 * part + row[part].trailing_zeros() as usize;
            let Some(other) = basis[first] else {
                basis[first] = Some(row);
                continue 'rows;
            };
            row.iter_mut().zip(other).for_each(|(bits, other)| *bits ^= other);
        }
        return false;
    }
    true
}

#[test]
fn own_bits_are_jointly_independent() {
    let rows = rows();
    let own = || rows.iter().flat_map(|(kind, rows)| &rows[..kind.own() as usize]);
    assert_eq!(own().count(), 14 * 32);
    assert!(independent(own()));
}

#[test]
fn any_three_draws_are_jointly_independent_to_their_last_bits() {
    let rows = rows();
    for (i, (_, first)) in rows.iter().enumerate() {
        for (j, (_, second)) in rows[..i].iter().enumerate() {
            for (_, third) in &rows[..j] {
                assert!(independent(first.iter().chain(second).chain(third)), "{i} {j}");
            }
        }
    }
}
