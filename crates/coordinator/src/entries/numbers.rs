//! Floating-point numbers in few bytes, without loss. Most balances that are stored are whole cents
//! and close to the number before them.
//!
//! Each number begins with a varint. If it is even, its half is the zigzag-encoded difference in
//! cents to the last number that was whole cents, at first to 0. If it is 1 or 3, the number's
//! bits follow in little-endian order, in single or in double precision.

/// Whole cents up to this size are exact in double precision.
const CENTS_MAX: f64 = 9_007_199_254_740_992.0;
const SINGLE: u64 = 1;
const DOUBLE: u64 = 3;

/// Encodes the numbers.
pub(super) fn encode(numbers: &[f64]) -> Vec<u8> {
    let (mut bytes, mut last) = (Vec::with_capacity(4 * numbers.len()), 0);
    for &number in numbers {
        #[expect(clippy::cast_possible_truncation, reason = "rounding to single precision is undone below")]
        let single = number as f32;
        if let Some(cents) = whole_cents(number) {
            let difference = cents - last;
            let zigzag = (difference << 1) ^ (difference >> 63);
            prost::encoding::encode_varint(zigzag.cast_unsigned() << 1, &mut bytes);
            last = cents;
        } else if f64::from(single).to_bits() == number.to_bits() {
            prost::encoding::encode_varint(SINGLE, &mut bytes);
            bytes.extend(single.to_le_bytes());
        } else {
            prost::encoding::encode_varint(DOUBLE, &mut bytes);
            bytes.extend(number.to_le_bytes());
        }
    }
    bytes
}

/// Decodes the numbers; `None` if these bytes don't encode any.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Vec<f64>> {
    let (mut numbers, mut last) = (Vec::new(), 0_i64);
    while !bytes.is_empty() {
        let head = prost::encoding::decode_varint(&mut bytes).ok()?;
        numbers.push(match head {
            SINGLE => f32::from_le_bytes(take(&mut bytes)?).into(),
            DOUBLE => f64::from_le_bytes(take(&mut bytes)?),
            odd if odd % 2 == 1 => return None,
            even => {
                let zigzag = even >> 1;
                let difference = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
                last = last.checked_add(difference)?;
                last as f64 / 100.0
            }
        });
    }
    Some(numbers)
}

/// The number in cents, if that gives the same bits back.
fn whole_cents(number: f64) -> Option<i64> {
    let cents = (number * 100.0).round();
    if !(-CENTS_MAX..=CENTS_MAX).contains(&cents) || (cents / 100.0).to_bits() != number.to_bits() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
    let whole = cents as i64;
    // The integer has no negative zero.
    (whole != 0 || number.is_sign_positive()).then_some(whole)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn bits(numbers: &[f64]) -> Vec<u64> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn every_number_is_read_back_bit_by_bit() {
        let mut numbers = vec![
            0.0,
            -0.0,
            0.01,
            -0.01,
            1e12,
            -1e12,
            1e300,
            -1e300,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1.0 / 3.0,
            0.1_f32.into(),
            9e13,
            -9e13,
            1e15,
        ];
        let mut random = StdRng::seed_from_u64(7);
        for _ in 0..2_000 {
            numbers.push(f64::from_bits(random.random()));
            numbers.push(f32::from_bits(random.random()).into());
            let cents: i64 = random.random_range(-1_000_000_000_000..1_000_000_000_000);
            numbers.push(cents as f64 / 100.0);
        }
        let encoded = encode(&numbers);
        assert_eq!(bits(&decode(&encoded).unwrap()), bits(&numbers));
    }

    #[test]
    fn neighbours_in_whole_cents_take_few_bytes() {
        let numbers: Vec<f64> = (0..100).map(|step| 70_000.0 + f64::from(step) * 12.34).collect();
        assert!(encode(&numbers).len() < 2 * numbers.len() + 10);
    }

    #[test]
    fn other_bytes_are_refused() {
        for bytes in [&[5][..], &[1, 0], &[3, 0, 0, 0, 0], &[0x80], &[0xff; 11]] {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
        let mut random = StdRng::seed_from_u64(8);
        for _ in 0..1_000 {
            let mut bytes = vec![0; random.random_range(0..64)];
            random.fill(&mut bytes[..]);
            let _ = decode(&bytes);
        }
    }
}
