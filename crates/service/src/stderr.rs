//! Lines on stderr: of the log, and for people. Writing them neither blocks the caller nor fails.
//!
//! A thread writes the lines. They wait for it in a bounded queue. A line is dropped and counted if
//! the queue is full or the system refuses it (the reader is gone, the disk is full). A problem
//! with stderr never affects the rest of the process.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// The capacity of the queue.
const LINES_MAX: usize = 4_096;
/// The pause between two attempts to queue something that must not be dropped.
const RETRY: Duration = Duration::from_millis(5);
/// The time between two log lines about dropped lines.
const REPORT_EVERY: Duration = Duration::from_mins(1);

/// How long the process waits at its end for the last lines to be written.
const FLUSH_MAX: Duration = Duration::from_millis(300);

/// The writer of the process's log, once it has started.
static WRITER: OnceLock<LineWriter> = OnceLock::new();
/// Lines dropped since the process started.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// The number of lines dropped since the process started, because stderr didn't accept them.
pub fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Starts a writer, so that [`say`] never blocks. Not needed if the log starts.
pub fn start() {
    // Without a thread for the writer, lines are written by their callers.
    if let Ok(writer) = LineWriter::start(io::stderr()) {
        install(writer);
    }
}

/// Writes a line for people, outside the log. Never fails, and never blocks once the log or a
/// writer has started.
pub fn say(line: &str) {
    let line = format!("{line}\n");
    // A failure to write doesn't matter here.
    let _ = match WRITER.get() {
        Some(writer) => writer.clone().write_all(line.as_bytes()),
        None => io::stderr().write_all(line.as_bytes()),
    };
}

/// Waits briefly for the lines so far to be written.
pub fn flush() {
    if let Some(writer) = WRITER.get() {
        writer.flush(FLUSH_MAX);
    }
}

/// Makes this the writer of all further lines. Later calls change nothing.
pub(crate) fn install(writer: LineWriter) {
    let _ = WRITER.set(writer);
}

enum Message {
    Line(Vec<u8>),
    /// Answered once all earlier lines are written.
    Flush(SyncSender<()>),
}

/// Puts lines into the queue.
#[derive(Clone)]
pub(crate) struct LineWriter(SyncSender<Message>);

impl LineWriter {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    ///
    /// If the system can't start a thread.
    pub(crate) fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = sync_channel(LINES_MAX);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&lines, sink))?;
        Ok(Self(sender))
    }

    /// Waits until the lines so far are written, for at most `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let (done, written) = sync_channel(1);
        while self.0.try_send(Message::Flush(done.clone())).is_err() {
            if Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(RETRY);
        }
        // A timeout makes no difference: the process ends in any case.
        let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl Write for LineWriter {
    /// The formatter writes each event with one call, so `line` is a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Message::Line(line.to_vec())).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes until every sender is gone.
fn write_lines(lines: &Receiver<Message>, mut sink: impl Write) {
    let mut report = DropReport { reported: dropped_lines(), last: None };
    loop {
        let message = match lines.try_recv() {
            Ok(message) => message,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                report.if_due();
                match lines.recv_timeout(REPORT_EVERY) {
                    Ok(message) => message,
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        match message {
            Message::Line(line) => {
                if sink.write_all(&line).and_then(|()| sink.flush()).is_err() {
                    DROPPED.fetch_add(1, Ordering::Relaxed);
                }
            }
            // The caller may have stopped waiting.
            Message::Flush(done) => drop(done.try_send(())),
        }
    }
}

/// Reports dropped lines in the log itself.
struct DropReport {
    reported: u64,
    last: Option<Instant>,
}

impl DropReport {
    /// Logs how many lines were dropped since the last report, at most once per interval.
    fn if_due(&mut self) {
        let lines = dropped_lines() - self.reported;
        if lines == 0 || self.last.is_some_and(|last| last.elapsed() < REPORT_EVERY) {
            return;
        }
        tracing::warn!(lines, "log lines were dropped: stderr didn't accept them");
        *self = Self { reported: self.reported + lines, last: Some(Instant::now()) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A sink that blocks until the test releases it, like a pipe that nobody reads.
    struct Blocked(Receiver<()>);

    impl Write for Blocked {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // The sender is gone at the end of the test.
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Refusing;

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_in_order_and_are_there_after_a_flush() {
        let memory = Memory::default();
        let mut writer = LineWriter::start(memory.clone()).unwrap();
        writer.write_all(b"a\n").unwrap();
        writer.write_all(b"b\n").unwrap();
        LineWriter::flush(&writer, Duration::from_secs(10));
        assert_eq!(*memory.0.lock().unwrap(), b"a\nb\n");
    }

    #[test]
    fn a_sink_that_blocks_or_refuses_costs_lines_and_nothing_else() {
        let (_allow, blocked) = sync_channel(0);
        for sink in [Box::new(Blocked(blocked)) as Box<dyn Write + Send>, Box::new(Refusing)] {
            let mut writer = LineWriter::start(sink).unwrap();
            let before = dropped_lines();
            for _ in 0..LINES_MAX + 100 {
                writer.write_all(b"line\n").unwrap();
            }
            LineWriter::flush(&writer, Duration::from_millis(500));
            assert!(dropped_lines() >= before + 99, "{}", dropped_lines() - before);
        }
    }
}
