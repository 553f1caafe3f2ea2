//! Extracts `plotly.min.js` from the crate `plotly`, which contains it, and compresses it once for
//! all responses. That crate is only a build dependency, so none of its code is in the program.

use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=web");
    let sources = plotly::Plot::offline_js_sources();
    let directory = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names a directory"))?;
    let mut file = GzEncoder::new(
        fs::File::create(Path::new(&directory).join("plotly.min.js.gz"))?,
        Compression::default(),
    );
    file.write_all(first_script(&sources).ok_or_else(|| io::Error::other("plotly has no script"))?)?;
    file.finish()?;
    Ok(())
}

/// The content of the first `<script>` of a page, which is plotly itself. The next one is for
/// formulas, which no chart here uses.
fn first_script(sources: &str) -> Option<&[u8]> {
    let start = sources.find('>')? + 1;
    let end = sources.find("</script>\n")?;
    Some(&sources.as_bytes()[start..end])
}
