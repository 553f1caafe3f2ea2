//! `GET /api/jobs/{id}/samples`: the outcomes of consecutive simulations, as CSV, JSON lines or
//! Arrow.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float32Builder, UInt16Builder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use carlo_rest::sweep::Sample;
use carlo_wire::v1;
use tokio_stream::{Stream, StreamExt as _};

use crate::api_call::ApiCall;
use crate::concurrency::Permit;
use crate::openapi::shared::JobId;
use crate::problem::Failure;
use crate::query::Range;
use crate::{media_type, path_ids};

/// The formats of the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Lines,
    Arrow,
}

const CSV: &str = "text/csv";
const LINES: &str = "application/jsonl";
const ARROW: &str = "application/vnd.apache.arrow.stream";
const FORMATS: [(&str, Format); 3] = [(CSV, Format::Csv), (LINES, Format::Lines), (ARROW, Format::Arrow)];
/// The columns. Values that a plan doesn't have are empty or null.
const COLUMNS: [&str; 6] =
    ["index", "finalBalance", "success", "firstShortMonth", "horizonMonths", "lowestMultiplier"];

#[utoipa::path(
    get,
    path = "/api/jobs/{id}/samples",
    operation_id = "getSamples",
    tag = "jobs",
    summary = "The outcomes of consecutive simulations",
    description = "They are recomputed from the seed and their indices, with the same bits, and sent as CSV, JSON lines or an Arrow stream, depending on \
        `Accept`. Billed like a job of this number of simulations.",
    params(
        JobId,
        ("first" = Option<u64>, Query, minimum = 0, maximum = 999_999_999_999_u64, format = Int64, description = "The index of the first simulation; by default 0"),
        ("count" = Option<u64>, Query, minimum = 1, maximum = 1_000_000, format = Int64, description = "The number of simulations; by default 100,000. If the job has fewer, only those are sent"),
    ),
    responses(
        (status = 200, description = "A row for each simulation: `index`, `finalBalance` in dollars, `success`, `firstShortMonth` from 1 (if the goal is never to be \
            short, and the simulation was), `horizonMonths` (with people), `lowestMultiplier` (with a spending rule). The types in Arrow are `uint64`, \
            `float32`, `bool`, `uint16`, `uint16`, `float32`",
            content(
                (String = "text/csv", example = json!("index,finalBalance,success,firstShortMonth,horizonMonths,lowestMultiplier\r\n0,71234.5,true,,,\r\n")),
                (Sample = "application/jsonl"),
                (Vec<u8> = "application/vnd.apache.arrow.stream", example = json!("(binary)")),
            )),
        (status = 406, description = "The only formats are CSV, JSON lines and Arrow streams"),
    ),
)]
pub(crate) async fn samples(
    call: ApiCall,
    path_ids::Job(id): path_ids::Job,
    Range { first, count }: Range,
    headers: HeaderMap,
    Extension(permit): Extension<Permit>,
) -> Result<Response, Failure> {
    let format = media_type::choose(&headers, &FORMATS)?;
    let message = v1::SamplesRequest { id: id.to_string(), first, count };
    let blocks = call.streaming().samples(message).await?;
    let mut writer = Writer::new(format).map_err(|error| Failure::internal(error.to_string()))?;
    let media_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Lines => LINES,
        Format::Arrow => ARROW,
    };
    let head = tokio_stream::once(writer.taken());
    let rows = parts(blocks).map(move |part| {
        // The stream counts as a concurrent one until it ends.
        let _permit = &permit;
        match part? {
            Some(block) => writer.write(&block).map_err(std::io::Error::other),
            None => writer.finish().map_err(std::io::Error::other),
        }
    });
    let body = Body::from_stream(head.map(Ok).chain(rows));
    Ok(([(CONTENT_TYPE, media_type)], body).into_response())
}

/// The blocks, and `None` at their end.
fn parts(
    blocks: impl Stream<Item = Result<v1::SampleBlock, tonic::Status>>,
) -> impl Stream<Item = std::io::Result<Option<v1::SampleBlock>>> {
    let blocks = blocks.map(|block| block.map(Some).map_err(std::io::Error::other));
    blocks.chain(tokio_stream::once(Ok(None)))
}

/// Writes blocks in one of the formats.
enum Writer {
    Csv,
    Lines,
    Arrow(Box<StreamWriter<Vec<u8>>>),
}

impl Writer {
    fn new(format: Format) -> Result<Self, ArrowError> {
        Ok(match format {
            Format::Csv => Self::Csv,
            Format::Lines => Self::Lines,
            Format::Arrow => Self::Arrow(Box::new(StreamWriter::try_new(Vec::new(), &schema())?)),
        })
    }

    /// The text before the first block.
    fn taken(&mut self) -> Bytes {
        match self {
            Self::Csv => (COLUMNS.join(",") + "\r\n").into(),
            Self::Lines => Bytes::new(),
            Self::Arrow(writer) => std::mem::take(writer.get_mut()).into(),
        }
    }

    fn write(&mut self, block: &v1::SampleBlock) -> Result<Bytes, ArrowError> {
        Ok(match self {
            Self::Csv => csv(block).into(),
            Self::Lines => lines(block).into(),
            Self::Arrow(writer) => {
                writer.write(&batch(block)?)?;
                std::mem::take(writer.get_mut()).into()
            }
        })
    }

    fn finish(&mut self) -> Result<Bytes, ArrowError> {
        if let Self::Arrow(writer) = self {
            writer.finish()?;
            return Ok(std::mem::take(writer.get_mut()).into());
        }
        Ok(Bytes::new())
    }
}

struct Row {
    index: u64,
    balance: f32,
    success: bool,
    first_short: Option<u16>,
    horizon: Option<u16>,
    multiplier: Option<f32>,
}

/// The rows of a block. Lists that a plan doesn't have are empty, and month 0 means that there is
/// no such month.
fn rows(block: &v1::SampleBlock) -> impl Iterator<Item = Row> + '_ {
    let month = |months: &[u32], i: usize| months.get(i).and_then(|month| u16::try_from(*month).ok());
    block.final_balances.iter().zip(&block.succeeded).enumerate().map(move |(i, (&balance, &success))| Row {
        index: block.first + i as u64,
        balance,
        success,
        first_short: month(&block.first_short_months, i).filter(|month| *month > 0),
        horizon: month(&block.months_lived, i),
        multiplier: block.lowest_multipliers.get(i).copied(),
    })
}

fn csv(block: &v1::SampleBlock) -> String {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let mut csv = String::with_capacity(32 * block.final_balances.len());
    for Row { index, balance, success, first_short, horizon, multiplier } in rows(block) {
        let (short, horizon, multiplier) = (text(first_short), text(horizon), text(multiplier));
        // Writing to a string doesn't fail.
        let _ = write!(csv, "{index},{balance},{success},{short},{horizon},{multiplier}\r\n");
    }
    csv
}

fn lines(block: &v1::SampleBlock) -> String {
    let mut lines = String::with_capacity(64 * block.final_balances.len());
    for Row { index, balance, success, first_short, horizon, multiplier } in rows(block) {
        let line = Sample {
            index,
            final_balance: balance,
            success,
            first_short_month: first_short.map(Into::into),
            horizon_months: horizon.map(Into::into),
            lowest_multiplier: multiplier,
        };
        // Directly to text, because a detour through a `Value` would lengthen the numbers.
        if let Ok(line) = serde_json::to_string(&line) {
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    lines
}

fn schema() -> Schema {
    let types = [
        (DataType::UInt64, false),
        (DataType::Float32, false),
        (DataType::Boolean, false),
        (DataType::UInt16, true),
        (DataType::UInt16, true),
        (DataType::Float32, true),
    ];
    let field = |(name, (kind, is_nullable)): (&str, _)| Field::new(name, kind, is_nullable);
    Schema::new(COLUMNS.into_iter().zip(types).map(field).collect::<Vec<_>>())
}

fn batch(block: &v1::SampleBlock) -> Result<RecordBatch, ArrowError> {
    let (mut indices, mut balances, mut successes) =
        (UInt64Builder::new(), Float32Builder::new(), BooleanBuilder::new());
    let (mut short, mut horizons, mut multipliers) =
        (UInt16Builder::new(), UInt16Builder::new(), Float32Builder::new());
    for row in rows(block) {
        indices.append_value(row.index);
        balances.append_value(row.balance);
        successes.append_value(row.success);
        short.append_option(row.first_short);
        horizons.append_option(row.horizon);
        multipliers.append_option(row.multiplier);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(indices.finish()),
        Arc::new(balances.finish()),
        Arc::new(successes.finish()),
        Arc::new(short.finish()),
        Arc::new(horizons.finish()),
        Arc::new(multipliers.finish()),
    ];
    RecordBatch::try_new(Arc::new(schema()), columns)
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float32Type, UInt16Type, UInt64Type};
    use arrow_ipc::reader::StreamReader;
    use serde_json::{Value, json};

    use super::*;

    fn blocks() -> [v1::SampleBlock; 2] {
        let short = v1::SampleBlock {
            first: 7,
            final_balances: vec![1.5, -2.0],
            succeeded: vec![true, false],
            first_short_months: vec![0, 12],
            months_lived: vec![300, 12],
            lowest_multipliers: vec![1.0, 0.75],
        };
        let plain = v1::SampleBlock {
            first: 9,
            final_balances: vec![1e7],
            succeeded: vec![true],
            ..v1::SampleBlock::default()
        };
        [short, plain]
    }

    fn written(format: Format) -> Vec<u8> {
        let mut writer = Writer::new(format).unwrap();
        let mut bytes = writer.taken().to_vec();
        for block in blocks() {
            bytes.extend(writer.write(&block).unwrap());
        }
        bytes.extend(writer.finish().unwrap());
        bytes
    }

    #[test]
    fn simulations_are_rows_of_csv_and_lines_of_json() {
        let csv = "index,finalBalance,success,firstShortMonth,horizonMonths,lowestMultiplier\r\n\
            7,1.5,true,,300,1\r\n8,-2,false,12,12,0.75\r\n9,10000000,true,,,\r\n";
        assert_eq!(String::from_utf8(written(Format::Csv)).unwrap(), csv);
        let lines = String::from_utf8(written(Format::Lines)).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[2], json!({"index": 9, "finalBalance": 1e7, "success": true}));
        assert_eq!((&lines[1]["firstShortMonth"], lines[0].get("firstShortMonth")), (&json!(12), None));
    }

    #[test]
    fn simulations_are_an_arrow_stream() {
        let bytes = written(Format::Arrow);
        let batches: Vec<RecordBatch> =
            StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [2, 1]);
        let first = &batches[0];
        assert_eq!(first.column(0).as_primitive::<UInt64Type>().values(), &[7, 8]);
        assert_eq!(first.column(1).as_primitive::<Float32Type>().values(), &[1.5, -2.0]);
        let short = first.column(3).as_primitive::<UInt16Type>();
        assert!(short.is_null(0) && short.value(1) == 12);
        assert!(batches[1].column(5).is_null(0));
    }
}
