//! Reading text files that people write.

use std::io;
use std::path::Path;

/// Some editors put this at the start of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The bytes without a UTF-8 byte order mark at their start.
pub fn without_byte_order_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// A file's bytes without a byte order mark.
///
/// # Errors
///
/// If the file can't be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    Ok(without_byte_order_mark(&bytes).to_vec())
}

/// A file's text without a byte order mark.
///
/// # Errors
///
/// If the file can't be read, or isn't UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_text() {
        assert_eq!(without_byte_order_mark("\u{feff}{}".as_bytes()), b"{}");
        assert_eq!(without_byte_order_mark(b"{}"), b"{}");
    }
}
