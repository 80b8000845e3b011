//! Generates Envoy's types from the descriptors that are checked in; no protoc.

use std::error::Error;

use prost::Message;

const DESCRIPTORS: &str = "descriptors.bin";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={DESCRIPTORS}");
    let set = prost_types::FileDescriptorSet::decode(std::fs::read(DESCRIPTORS)?.as_slice())?;
    let mut config = prost_build::Config::new();
    config
        // Equal values must be equal bytes in every process, so no hash maps.
        .btree_map(["."])
        .bytes(["."])
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com")
        .include_file("tree.rs");
    config.compile_fds(set)?;
    Ok(())
}
