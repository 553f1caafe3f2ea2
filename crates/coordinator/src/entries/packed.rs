//! Results as they are stored: the histogram's edges and the fan chart in few bytes, all of it
//! compressed. What the job's own entry has is not stored twice.

use std::io::{Read as _, Write as _};

use carlo_types::limits::MESSAGE_BYTES_MAX;
use carlo_wire::v1;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use prost::Message as _;

use super::numbers;

/// Packs results. Their assumptions are left out.
pub(super) fn pack(results: v1::CompletedResults) -> Vec<u8> {
    compress(&separate(results).encode_to_vec())
}

/// Unpacks results, with the assumptions from the job's entry.
pub(super) fn unpack(
    packed: &[u8],
    assumptions: Option<v1::SimulationRequest>,
) -> Result<v1::CompletedResults, String> {
    let bytes = decompress(packed)?;
    let separate = v1::PackedResults::decode(&*bytes).map_err(|error| error.to_string())?;
    let mut results = join(separate).ok_or("its packed numbers don't fit together")?;
    results.assumptions = assumptions;
    Ok(results)
}

fn separate(mut completed: v1::CompletedResults) -> v1::PackedResults {
    completed.assumptions = None;
    let mut packed = v1::PackedResults::default();
    if let Some(results) = &mut completed.results {
        if let Some(histogram) = &mut results.histogram {
            packed.edges = numbers::encode(&std::mem::take(&mut histogram.edges));
        }
        let trajectory = std::mem::take(&mut results.trajectory);
        let series = trajectory.first().map_or(0, |point| point.percentiles.len());
        debug_assert!(trajectory.iter().all(|point| point.percentiles.len() == series), "{trajectory:?}");
        let column = |number: usize| trajectory.iter().map(move |point| point.percentiles[number]);
        packed.percentiles = numbers::encode(&(0..series).flat_map(column).collect::<Vec<_>>());
        packed.months = trajectory.iter().map(|point| point.month).collect();
    }
    packed.results = Some(completed);
    packed
}

fn join(packed: v1::PackedResults) -> Option<v1::CompletedResults> {
    let mut completed = packed.results?;
    if let Some(results) = &mut completed.results {
        if let Some(histogram) = &mut results.histogram {
            histogram.edges = numbers::decode(&packed.edges)?;
        }
        let percentiles = numbers::decode(&packed.percentiles)?;
        let months = packed.months.len();
        if percentiles.len() != months * percentiles.len().checked_div(months).unwrap_or_default() {
            return None;
        }
        let point = |(row, month)| {
            let percentiles = percentiles.iter().skip(row).step_by(months).copied().collect();
            v1::FanPoint { month, percentiles }
        };
        results.trajectory = packed.months.into_iter().enumerate().map(point).collect();
    }
    Some(completed)
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("writing to memory never fails")
}

/// The bytes that were compressed. No result is larger than a message.
pub(super) fn decompress(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = DeflateDecoder::new(packed).take(MESSAGE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("its results can't be decompressed: {error}"))?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(format!("its results have more than {MESSAGE_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> v1::CompletedResults {
        let point = |month: u32| v1::FanPoint {
            month,
            percentiles: (0..5).map(|series| f64::from(month * 100 + series) + 0.25).collect(),
        };
        v1::CompletedResults {
            results: Some(v1::Results {
                success_probability: 1.0 / 3.0,
                trajectory: (1..=60).map(point).collect(),
                histogram: Some(v1::Histogram {
                    edges: vec![-1.0 / 3.0, 0.0, 500.0, 1_000.0, 1e9 / 7.0],
                    counts: vec![1, 2, 3, 4],
                }),
                ..Default::default()
            }),
            assumptions: Some(v1::SimulationRequest::default()),
            recommendations: vec!["Spend less.".to_owned()],
            stopped_early: true,
            workers_used: 3,
            doubts: Vec::new(),
        }
    }

    #[test]
    fn results_are_unpacked_as_they_were_packed() {
        let mut without_chart = results();
        without_chart.results.as_mut().unwrap().trajectory.clear();
        let nothing = v1::CompletedResults::default();
        for completed in [results(), without_chart, nothing] {
            let packed = pack(completed.clone());
            assert_eq!(unpack(&packed, completed.assumptions.clone()).unwrap(), completed);
        }
        assert!(pack(results()).len() < results().encoded_len() / 4);
    }

    #[test]
    fn what_was_not_packed_is_refused_in_words() {
        let bomb = compress(&vec![0; 2 * MESSAGE_BYTES_MAX]);
        assert!(bomb.len() < 100_000);
        let lost = v1::PackedResults { months: vec![1, 2], percentiles: vec![0; 3], ..separate(results()) };
        for (packed, words) in [
            (bomb, "more than 4194304 bytes"),
            (b"rubbish".to_vec(), "can't be decompressed"),
            (compress(&lost.encode_to_vec()), "don't fit together"),
            (compress(b"\xff"), "varint"),
        ] {
            let error = unpack(&packed, None).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
