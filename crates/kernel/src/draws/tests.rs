use super::*;
use crate::lanes::Portable;

/// Every draw of the half year with these words.
fn draws(words: [u32; WORDS]) -> Draws<u32> {
    let Draws { radius, angle, emergency, promotion } = Draws::new(Portable, &words.map(|word| [word; 4]));
    Draws {
        radius: radius.map(|word| word[0]),
        angle: angle.map(|word| word[0]),
        emergency: emergency.map(|word| word[0]),
        promotion: promotion[0],
    }
}

/// The bits that are promised to be independent, the highest of each draw first.
fn promised(draws: &Draws<u32>) -> Vec<bool> {
    let bits = |word: u32, from: u32, to: u32| (to..=from).rev().map(move |bit| word >> bit & 1 == 1);
    let mut all = Vec::new();
    draws.radius.iter().for_each(|&word| all.extend(bits(word, 31, 0)));
    draws.angle.iter().for_each(|&word| all.extend(bits(word, 19, 0)));
    draws.emergency.iter().for_each(|&word| all.extend(bits(word, 30, 12)));
    all.extend(bits(draws.promotion, 30, 8));
    all
}

/// The rank of a matrix of bits.
fn rank(mut rows: Vec<Vec<bool>>) -> usize {
    let (mut rank, columns) = (0, rows[0].len());
    for column in 0..columns {
        let Some(pivot) = (rank..rows.len()).find(|&row| rows[row][column]) else { continue };
        rows.swap(rank, pivot);
        let pivot = rows[rank].clone();
        for row in rows[rank + 1..].iter_mut().filter(|row| row[column]) {
            row.iter_mut().zip(&pivot).for_each(|(bit, &other)| *bit ^= other);
        }
        rank += 1;
    }
    rank
}

/// The draws are linear in the words' bits, so these say everything.
fn of_single_bits() -> Vec<Draws<u32>> {
    let single = |bit: usize| {
        let mut words = [0; WORDS];
        words[bit / 32] = 1 << (bit % 32);
        draws(words)
    };
    (0..32 * WORDS).map(single).collect()
}

#[test]
fn promised_bits_are_jointly_independent() {
    let rows: Vec<Vec<bool>> = of_single_bits().iter().map(promised).collect();
    assert_eq!(rows[0].len(), 7 * 32 + 7 * 20 + 6 * 19 + 23);
    assert_eq!(rank(rows.clone()), rows[0].len());
}

#[test]
fn every_emergency_and_coin_is_uniform_on_its_own() {
    for i in 0..=MONTHS {
        let word = |draws: &Draws<u32>| if i < MONTHS { draws.emergency[i] } else { draws.promotion };
        let bits = |draws: &Draws<u32>| (0..31).map(|bit| word(draws) >> bit & 1 == 1).collect();
        assert_eq!(rank(of_single_bits().iter().map(bits).collect()), 31);
    }
}
