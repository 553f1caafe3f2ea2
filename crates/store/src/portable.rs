//! A ledger as one file: to back it up, to restore it, and to move it between a directory and etcd.
//!
//! | bytes | are |
//! |---|---|
//! | `carlo ledger 1\n` | the version of this format |
//! | a line of text | the program that wrote it |
//! | for each entry: length of the key (4), key, length of the value (4), value | all entries of one moment, by key |
//! | four zeros, then the number of entries (8) | the end |
//! | 32 | SHA-256 of everything before |
//!
//! Numbers are little-endian. No key is empty, so the zeros are the end.

use std::io::{self, Read, Write as _};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::key::Key;
use crate::ledger::{COMMIT_BYTES_MAX, COMMIT_WRITES_MAX, Ledger, LedgerError, VALUE_BYTES_MAX, Write};

const FORMAT: &str = "carlo ledger ";
const VERSION: &str = "1";
/// The maximum length of a line and of a key. An export has no longer ones.
const LINE_BYTES_MAX: usize = 1_024;
/// The key of an entry that exists during an import, when the ledger is still incomplete.
const UNFINISHED: &str = "import/unfinished";

/// The content of an exported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The program that wrote it, in words.
    pub origin: String,
    /// Sorted by key.
    pub entries: Vec<(Key, Bytes)>,
}

/// Why a ledger can't be exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum PortableError {
    /// The file can't be read or written.
    #[error("the file can't be read or written")]
    Io(#[from] io::Error),
    /// The ledger fails.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The file is not an exported ledger.
    #[error("this is no exported ledger: {0}")]
    Foreign(String),
    /// A later release wrote the file.
    #[error("the export has format {found}, and this release knows format {VERSION}: use a later one")]
    Newer {
        /// Its version.
        found: String,
    },
    /// The file is truncated or changed.
    #[error("the export is damaged: {0}")]
    Damaged(&'static str),
    /// An import would mix two ledgers.
    #[error("there is a ledger already, with {0} or more entries: import into an empty one")]
    NotEmpty(usize),
    /// An earlier import was interrupted.
    #[error("an import into this ledger was cut short; import again, which begins anew")]
    Unfinished,
}

/// Reads all entries of one moment, even if the ledger changes meanwhile.
///
/// # Errors
///
/// If the ledger fails, or an import into it was interrupted.
pub async fn contents(ledger: &dyn Ledger, origin: &str) -> Result<Contents, PortableError> {
    // One call reads one state of the ledger.
    let entries = ledger.scan("", None, usize::MAX).await?;
    if entries.iter().any(|(key, _)| key.as_str() == UNFINISHED) {
        return Err(PortableError::Unfinished);
    }
    Ok(Contents { origin: origin.to_owned(), entries })
}

/// Writes the file. Returns the number of entries.
///
/// # Errors
///
/// If the file can't be written.
pub fn write(contents: &Contents, file: impl io::Write) -> io::Result<u64> {
    let Contents { origin, entries } = contents;
    let mut file = Hashed { file, hash: Sha256::new() };
    let origin = origin.replace('\n', " ");
    file.write_all(format!("{FORMAT}{VERSION}\n{origin}\n").as_bytes())?;
    for (key, value) in entries {
        for bytes in [key.as_str().as_bytes(), value] {
            // Keys and values are much shorter than 4 GiB, and a reader checks the lengths anyway.
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            file.write_all(&length.to_le_bytes())?;
            file.write_all(bytes)?;
        }
    }
    let count = entries.len() as u64;
    file.write_all(&0_u32.to_le_bytes())?;
    file.write_all(&count.to_le_bytes())?;
    let Hashed { mut file, hash } = file;
    file.write_all(&hash.finalize())?;
    file.flush()?;
    Ok(count)
}

/// Reads a whole file and checks it.
///
/// # Errors
///
/// If it can't be read, is not an export, has a later format, or is damaged.
pub fn read(file: impl Read) -> Result<Contents, PortableError> {
    let mut file = Hashed { file, hash: Sha256::new() };
    let first = line(&mut file)?;
    let version = first.strip_prefix(FORMAT).ok_or_else(|| {
        PortableError::Foreign(format!("it begins with {:?}", first.get(..20).unwrap_or(&first)))
    })?;
    if version != VERSION {
        return Err(PortableError::Newer { found: version.to_owned() });
    }
    let origin = line(&mut file)?;
    let mut entries: Vec<(Key, Bytes)> = Vec::new();
    loop {
        let key = field(&mut file, LINE_BYTES_MAX)?;
        if key.is_empty() {
            break;
        }
        let key = String::from_utf8(key).ok().and_then(|key| Key::new(key).ok());
        let key = key.ok_or(PortableError::Damaged("a key is none"))?;
        if entries.last().is_some_and(|(last, _)| *last >= key) {
            return Err(PortableError::Damaged("the keys are in disorder"));
        }
        entries.push((key, Bytes::from(field(&mut file, VALUE_BYTES_MAX)?)));
    }
    let mut count = [0; 8];
    exactly(&mut file, &mut count)?;
    let Hashed { mut file, hash } = file;
    let mut checksum = [0; 32];
    exactly(&mut file, &mut checksum)?;
    if checksum[..] != hash.finalize()[..] {
        return Err(PortableError::Damaged("the checksum is another"));
    }
    if u64::from_le_bytes(count) != entries.len() as u64 || file.read(&mut [0])? != 0 {
        return Err(PortableError::Damaged("it has another number of entries"));
    }
    Ok(Contents { origin, entries })
}

/// Imports entries into a ledger that is empty, or in which an earlier import was interrupted.
///
/// # Errors
///
/// If the ledger fails or contains anything else.
pub async fn import_into(ledger: &dyn Ledger, contents: Contents) -> Result<(), PortableError> {
    let unfinished = unfinished_key();
    let is_unfinished = ledger.get(&unfinished).await?.is_some();
    let first = ledger.scan("", None, 1).await?;
    if !first.is_empty() && !is_unfinished {
        return Err(PortableError::NotEmpty(first.len()));
    }
    let epoch = ledger.lead().await?;
    ledger.commit(epoch, vec![Write::Put(unfinished.clone(), Bytes::new())]).await?;
    // The entries of the interrupted import.
    loop {
        let page = ledger.scan("", None, COMMIT_WRITES_MAX).await?;
        let old: Vec<_> = page.into_iter().map(|(key, _)| key).filter(|key| *key != unfinished).collect();
        if old.is_empty() {
            break;
        }
        ledger.commit(epoch, old.into_iter().map(Write::Delete).collect()).await?;
    }
    let (mut writes, mut bytes) = (Vec::new(), 0);
    for (key, value) in contents.entries {
        let write = Write::Put(key, value);
        if writes.len() + 1 >= COMMIT_WRITES_MAX || bytes + write.bytes() > COMMIT_BYTES_MAX / 2 {
            ledger.commit(epoch, std::mem::take(&mut writes)).await?;
            bytes = 0;
        }
        bytes += write.bytes();
        writes.push(write);
    }
    writes.push(Write::Delete(unfinished));
    ledger.commit(epoch, writes).await?;
    ledger.resign().await;
    Ok(())
}

/// Refuses a ledger in which an import was interrupted.
///
/// # Errors
///
/// [`PortableError::Unfinished`], or the error of reading the ledger.
pub async fn require_whole(ledger: &dyn Ledger) -> Result<(), PortableError> {
    if ledger.get(&unfinished_key()).await?.is_some() { Err(PortableError::Unfinished) } else { Ok(()) }
}

fn unfinished_key() -> Key {
    Key::new(UNFINISHED).expect("the key is short and printable")
}

/// A file with the hash of the bytes that were written or read.
struct Hashed<F> {
    file: F,
    hash: Sha256,
}

impl<F: io::Write> io::Write for Hashed<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl<F: Read> Read for Hashed<F> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(bytes)?;
        self.hash.update(&bytes[..read]);
        Ok(read)
    }
}

fn exactly(file: &mut impl Read, bytes: &mut [u8]) -> Result<(), PortableError> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => PortableError::Damaged("it ends too early"),
        _ => error.into(),
    })
}

fn line(file: &mut impl Read) -> Result<String, PortableError> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        match exactly(file, &mut byte) {
            Ok(()) if byte == *b"\n" => break,
            Ok(()) if line.len() < LINE_BYTES_MAX => line.extend(byte),
            Ok(()) | Err(PortableError::Damaged(_)) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn field(file: &mut impl Read, most: usize) -> Result<Vec<u8>, PortableError> {
    let mut length = [0; 4];
    exactly(file, &mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > most {
        return Err(PortableError::Damaged("a length is none of a ledger's"));
    }
    let mut bytes = vec![0; length];
    exactly(file, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redb::RedbLedger;

    fn key(text: &str) -> Key {
        Key::new(text).unwrap()
    }

    /// A ledger with more entries than one commit can have, some of them large.
    async fn filled() -> RedbLedger {
        let ledger = RedbLedger::temporary().unwrap();
        let epoch = ledger.lead().await.unwrap();
        for part in 0..2 {
            let small = (0..COMMIT_WRITES_MAX / 2 + 5).map(|number| {
                Write::Put(key(&format!("job/{part}-{number:05}")), Bytes::from(format!("{number}")))
            });
            ledger.commit(epoch, small.collect()).await.unwrap();
        }
        for number in 0..20 {
            let large =
                Write::Put(key(&format!("result/{number}")), Bytes::from(vec![number; VALUE_BYTES_MAX]));
            ledger.commit(epoch, vec![large]).await.unwrap();
        }
        ledger
    }

    async fn exported(ledger: &RedbLedger) -> Vec<u8> {
        let mut file = Vec::new();
        write(&contents(ledger, "a test").await.unwrap(), &mut file).unwrap();
        file
    }

    #[tokio::test]
    async fn what_is_exported_is_imported() {
        let (from, to) = (filled().await, RedbLedger::temporary().unwrap());
        let file = exported(&from).await;
        let contents = read(file.as_slice()).unwrap();
        assert_eq!(contents.origin, "a test");
        import_into(&to, contents).await.unwrap();
        require_whole(&to).await.unwrap();
        assert_eq!(exported(&to).await, file);
        // The ledger is in use.
        let refused = import_into(&to, read(file.as_slice()).unwrap()).await;
        assert!(matches!(refused, Err(PortableError::NotEmpty(_))));
    }

    #[tokio::test]
    async fn an_import_that_was_cut_short_is_noticed_and_begins_anew() {
        let to = RedbLedger::temporary().unwrap();
        let epoch = to.lead().await.unwrap();
        let rest = ["import/unfinished", "job/half"].map(|text| Write::Put(key(text), Bytes::new()));
        to.commit(epoch, rest.to_vec()).await.unwrap();
        assert!(matches!(require_whole(&to).await, Err(PortableError::Unfinished)));
        assert!(matches!(contents(&to, "").await, Err(PortableError::Unfinished)));
        let file = exported(&filled().await).await;
        import_into(&to, read(file.as_slice()).unwrap()).await.unwrap();
        assert_eq!(exported(&to).await, file);
    }

    #[tokio::test]
    async fn a_file_that_was_damaged_is_refused() {
        let ledger = RedbLedger::temporary().unwrap();
        let epoch = ledger.lead().await.unwrap();
        let writes = ["a", "b"].map(|text| Write::Put(key(text), Bytes::from_static(b"value")));
        ledger.commit(epoch, writes.to_vec()).await.unwrap();
        let file = exported(&ledger).await;
        read(file.as_slice()).unwrap();
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(read(damaged.as_slice()).is_err(), "byte {at}");
            assert!(read(&file[..at]).is_err(), "cut at {at}");
        }
        assert!(read([&file[..], b"x"].concat().as_slice()).is_err());
        let newer = [b"carlo ledger 2\n", &file[15..]].concat();
        assert!(matches!(read(newer.as_slice()), Err(PortableError::Newer { .. })));
        assert!(matches!(read(&b"SQLite format 3"[..]), Err(PortableError::Foreign(_))));
    }
}
