//! The part of HTTP/1.1 that the load generator needs: one connection, one call at a time,
//! responses with a length.

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room for a usual response, so that one system call reads it whole.
const ANSWER_BYTES: usize = 64 * 1024;

/// A persistent connection.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects to `address`, such as `127.0.0.1:3001`.
    pub(crate) async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(ANSWER_BYTES) })
    }

    /// Makes a call and parses the JSON response. Each of the further headers must end with a line
    /// end.
    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> anyhow::Result<Value> {
        let body = match body.len() {
            0 => "\r\n".to_owned(),
            length => format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"),
        };
        let request = format!("{method} {path} HTTP/1.1\r\nhost: carlo\r\n{headers}{body}");
        let answer = self.exchange(request.as_bytes()).await?;
        Ok(serde_json::from_slice(answer)?)
    }

    /// Sends a request and returns the body of the response, which must be a success.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.received.clear();
        self.stream.write_all(request).await?;
        let head_bytes = loop {
            self.receive().await?;
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(&self.received[..head_bytes])?;
        ensure!(head.starts_with("HTTP/1.1 2"), "refused: {}", String::from_utf8_lossy(&self.received));
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let whole = head_bytes + length.context("an answer without a length")?.parse::<usize>()?;
        while self.received.len() < whole {
            self.receive().await?;
        }
        ensure!(self.received.len() == whole, "more than was asked for");
        Ok(&self.received[head_bytes..])
    }

    async fn receive(&mut self) -> anyhow::Result<()> {
        let received = self.stream.read_buf(&mut self.received).await?;
        ensure!(received > 0, "the server closed the connection");
        Ok(())
    }
}
