//! The files of `proto/` compile with Google's protoc, which refuses some things that protox
//! accepts.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn the_files_compile_with_protoc() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let files = std::fs::read_dir(root.join("carlo/v1")).unwrap().map(|file| file.unwrap().path());
    let out = std::env::temp_dir().join(format!("carlo-protoc-{}.bin", std::process::id()));
    let output = Command::new("protoc")
        .arg("--proto_path")
        .arg(&root)
        .arg("--descriptor_set_out")
        .arg(&out)
        .args(files)
        .output()
        .expect("tests/install installs protoc");
    let _ = std::fs::remove_file(&out);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
