//! Generates the messages and services of `proto/` without a protoc.

use std::path::PathBuf;

use protox::prost::Message as _;

const FILES: [&str; 8] = [
    "carlo/v1/simulation.proto",
    "carlo/v1/jobs.proto",
    "carlo/v1/batches.proto",
    "carlo/v1/accounts.proto",
    "carlo/v1/webhooks.proto",
    "carlo/v1/cluster.proto",
    "carlo/v1/worker.proto",
    "carlo/v1/ledger.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(FILES, [&root])?;
    // For server reflection.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("carlo.v1.bin"), descriptors.encode_to_vec())?;
    let feature = |name: &str| std::env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    tonic_prost_build::configure()
        // Ordered maps, so that the same message always has the same bytes.
        .btree_map(".")
        // These have secrets, which must not be in a log.
        .skip_debug([
            "carlo.v1.Webhook",
            "carlo.v1.SetWebhook",
            "carlo.v1.DefaultWebhook",
            "carlo.v1.EndpointEntry",
        ])
        .build_client(feature("CLIENT"))
        .build_server(feature("SERVER"))
        .compile_fds(descriptors)?;
    Ok(())
}
