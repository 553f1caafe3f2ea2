//! Streams the ledger of a running coordinator as one file.

use std::io;

use carlo_store::{Ledger, portable};
use carlo_types::{Fault, FaultCode};
use carlo_wire::{status, v1};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::core::StreamPermit;
use crate::ledger_files;

/// The largest piece, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that are made ahead of a slow reader.
const PIECES_AHEAD: usize = 2;

pub(crate) type Pieces = ReceiverStream<Result<v1::ExportedLedger, Status>>;

/// Reads all entries of this moment and sends them, until the end or until the reader has gone. The
/// whole ledger is in memory until then.
pub(crate) async fn send(
    ledger: &dyn Ledger,
    permits: (StreamPermit, OwnedSemaphorePermit),
) -> Result<Pieces, Fault> {
    let contents = portable::contents(ledger, &ledger_files::origin()).await;
    let contents = contents.map_err(|error| Fault::new(FaultCode::Internal, error.to_string()))?;
    let (reader, pieces) = mpsc::channel(PIECES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let _permits = permits;
        let file = io::BufWriter::with_capacity(PIECE_BYTES, ToReader(&reader));
        if let Err(error) = portable::write(&contents, file) {
            let fault = Fault::new(FaultCode::Unavailable, error.to_string());
            let _ = reader.blocking_send(Err(status::from_fault(&fault)));
        }
    });
    Ok(ReceiverStream::new(pieces))
}

/// A file whose bytes go to a reader.
struct ToReader<'a>(&'a mpsc::Sender<Result<v1::ExportedLedger, Status>>);

impl io::Write for ToReader<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes[..bytes.len().min(PIECE_BYTES)].to_vec();
        let length = piece.len();
        let sent = self.0.blocking_send(Ok(v1::ExportedLedger { piece }));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the reader has gone"))?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
