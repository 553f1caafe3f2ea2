//! A rude HTTP/2 client: it sends exactly the frames that it is told to, and reads only if asked.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The types of frames (RFC 9113, section 6).
#[expect(missing_docs, reason = "the names say it")]
pub mod frame {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub const END_STREAM: u8 = 1;
/// Flags of frames.
pub const END_HEADERS: u8 = 4;

/// A connection.
#[derive(Debug)]
pub struct Http2 {
    stream: TcpStream,
    last_id: u32,
}

impl Http2 {
    /// Connects. The server may send so many bytes of each response.
    ///
    /// # Errors
    ///
    /// If the server can't be reached.
    pub async fn connect(address: SocketAddr, window: u32) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        let mut client = Self { stream, last_id: 0 };
        // SETTINGS_INITIAL_WINDOW_SIZE
        client.send(frame::SETTINGS, 0, 0, &[&[0, 4][..], &window.to_be_bytes()].concat()).await?;
        Ok(client)
    }

    /// Sends a frame.
    ///
    /// # Errors
    ///
    /// If the server has closed the connection.
    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> anyhow::Result<()> {
        let length = u32::try_from(payload.len())?.to_be_bytes();
        let frame = [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Begins a request and returns its stream's number. `flags` decide whether it ends here.
    ///
    /// # Errors
    ///
    /// If the server has closed the connection.
    pub async fn request(&mut self, flags: u8, fields: &[(&str, &str)]) -> anyhow::Result<u32> {
        let id = self.next_id();
        self.send(frame::HEADERS, flags, id, &block(fields)).await?;
        Ok(id)
    }

    /// The number of a new stream.
    pub fn next_id(&mut self) -> u32 {
        self.last_id = if self.last_id == 0 { 1 } else { self.last_id + 2 };
        self.last_id
    }

    /// Reads frames until `wanted` accepts one, by its type, stream and payload. Settings and pings
    /// are acknowledged, so that the server takes the client for a good one. `None` if the server
    /// closes the connection before.
    ///
    /// # Errors
    ///
    /// If what the server sends is not HTTP/2.
    pub async fn read_until(
        &mut self,
        mut wanted: impl FnMut(u8, u32, &[u8]) -> bool,
    ) -> anyhow::Result<Option<(u8, u32, Vec<u8>)>> {
        loop {
            let mut head = [0; 9];
            if self.stream.read_exact(&mut head).await.is_err() {
                return Ok(None);
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let (kind, flags) = (head[3], head[4]);
            let id = u32::from_be_bytes(head[5..].try_into().context("four bytes")?) & !(1 << 31);
            let mut payload = vec![0; usize::try_from(length)?];
            if self.stream.read_exact(&mut payload).await.is_err() {
                return Ok(None);
            }
            if flags & 1 == 0 && matches!(kind, frame::SETTINGS | frame::PING) {
                let answer = if kind == frame::PING { payload.as_slice() } else { &[] };
                // The server may have closed the connection meanwhile, which the next read shows.
                let _ = self.send(kind, 1, 0, answer).await;
            }
            if wanted(kind, id, &payload) {
                return Ok(Some((kind, id, payload)));
            }
        }
    }
}

/// A header block without compression: every field is a literal that is not indexed.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(name, &mut block);
        text(value, &mut block);
    }
    block
}

/// A string literal (RFC 7541, section 5.2).
fn text(text: &str, block: &mut Vec<u8>) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).expect("it is below 127"));
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128 + 128).expect("it is below 256"));
            length /= 128;
        }
        block.push(u8::try_from(length).expect("it is below 128"));
    }
    block.extend(text.as_bytes());
}

/// The fields of a `GET` without a key.
pub fn get(path: &str) -> [(&'static str, &str); 4] {
    [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
}

/// The fields of a gRPC call without a key.
pub fn grpc(path: &str) -> [(&'static str, &str); 6] {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
}
