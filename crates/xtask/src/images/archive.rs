//! An image as one file: an OCI image layout, which has what `docker load` reads, too.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::layer::Layer;

/// The host part of the names of all images. It has a dot, or it would be taken for a folder of the default registry.
const REGISTRY: &str = "ferromesh.test";

/// An image.
pub struct Image {
    /// Its name, without registry and tag.
    pub name: &'static str,
    /// Its tag.
    pub tag: String,
    /// What it runs.
    pub entrypoint: Vec<String>,
    /// As whom, by number, so that a kubelet can see that it isn't root.
    pub user: &'static str,
    /// What it consists of.
    pub layer: Layer,
}

/// Something in an image layout: it is found by its digest.
struct Blob {
    digest: String,
    size: u64,
}

impl Image {
    /// Its full name.
    pub fn reference(&self) -> String {
        format!("{REGISTRY}/{}:{}", self.name, self.tag)
    }

    /// Writes it to this file, and returns its digest.
    ///
    /// # Errors
    /// When files can't be read or written.
    pub fn write(&self, path: &Path) -> io::Result<String> {
        let scratch = path.with_extension("layer");
        let layer = self.write_layer(&scratch)?;
        let new = path.with_extension("new");
        let written = self.assemble(&layer, &scratch, &new);
        let _ = fs::remove_file(&scratch);
        let digest = written?;
        // Whoever reads in this moment reads the old one to its end.
        fs::rename(&new, path)?;
        Ok(digest)
    }

    fn write_layer(&self, scratch: &Path) -> io::Result<Blob> {
        self.layer.write(BufWriter::new(File::create(scratch)?))?;
        let mut file = BufReader::new(File::open(scratch)?);
        let mut context = Context::new(&SHA256);
        let mut buffer = vec![0; 1 << 16];
        let mut size = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            context.update(&buffer[..count]);
            size += count as u64;
        }
        Ok(Blob {
            digest: hexadecimal(context.finish().as_ref()),
            size,
        })
    }

    fn assemble(&self, layer: &Blob, scratch: &Path, path: &Path) -> io::Result<String> {
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "Entrypoint": self.entrypoint,
                "User": self.user,
                "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)]},
        })
        .to_string();
        let config_blob = blob(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config_blob),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
        })
        .to_string();
        let manifest_blob = blob(&manifest);
        let mut tar = Builder::new(BufWriter::new(File::create(path)?));
        let text = |tar: &mut Builder<_>, name: &str, text: &str| {
            append(tar, name, text.len() as u64, text.as_bytes())
        };
        text(&mut tar, "oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        text(&mut tar, "index.json", &self.index(&manifest_blob))?;
        text(&mut tar, "manifest.json", &self.docker(&config_blob, layer))?;
        text(&mut tar, &place(&config_blob), &config)?;
        text(&mut tar, &place(&manifest_blob), &manifest)?;
        append(&mut tar, &place(layer), layer.size, File::open(scratch)?)?;
        tar.into_inner()?.flush()?;
        Ok(format!("sha256:{}", manifest_blob.digest))
    }

    fn index(&self, manifest: &Blob) -> String {
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest);
        entry["platform"] = json!({"architecture": architecture(), "os": "linux"});
        entry["annotations"] = json!({
            "io.containerd.image.name": self.reference(),
            "org.opencontainers.image.ref.name": self.tag,
        });
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [entry],
        })
        .to_string()
    }

    fn docker(&self, config: &Blob, layer: &Blob) -> String {
        json!([{
            "Config": place(config),
            "RepoTags": [self.reference()],
            "Layers": [place(layer)],
        }])
        .to_string()
    }
}

/// As images name the machine that this is.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn append(
    tar: &mut Builder<BufWriter<File>>,
    name: &str,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    tar.append_data(&mut header, name, content)
}

fn blob(text: &str) -> Blob {
    let digest = aws_lc_rs::digest::digest(&SHA256, text.as_bytes());
    Blob {
        digest: hexadecimal(digest.as_ref()),
        size: text.len() as u64,
    }
}

fn place(blob: &Blob) -> String {
    format!("blobs/sha256/{}", blob.digest)
}

fn descriptor(media_type: &str, blob: &Blob) -> Value {
    json!({
        "mediaType": media_type,
        "digest": format!("sha256:{}", blob.digest),
        "size": blob.size,
    })
}

/// A digest as text.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read;
    use std::path::Path;

    use serde_json::Value;

    use super::{Image, blob, place};
    use crate::images::Layer;

    fn image() -> Image {
        let mut layer = Layer::new();
        layer.text("a", "b");
        Image {
            name: "test",
            tag: "dev".to_owned(),
            entrypoint: vec!["/a".to_owned()],
            user: "1:1",
            layer,
        }
    }

    fn contents(path: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(fs::File::open(path).expect("the archive"));
        let entries = archive.entries().expect("entries");
        entries
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let name = entry.path().expect("a path").display().to_string();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).expect("its content");
                (name, bytes)
            })
            .collect()
    }

    #[test]
    fn the_same_image_is_the_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let [one, other] = ["one.tar", "other.tar"].map(|name| folder.path().join(name));
        let digests = [&one, &other].map(|path| image().write(path).expect("an archive"));
        assert_eq!(digests[0], digests[1]);
        assert_eq!(fs::read(one).expect("one"), fs::read(other).expect("other"));
        let files = fs::read_dir(folder.path()).expect("the folder").count();
        assert_eq!(files, 2, "nothing stays beside them");
    }

    #[test]
    fn everything_is_where_its_digest_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("image.tar");
        let digest = image().write(&path).expect("an archive");
        let contents = contents(&path);
        for (name, bytes) in &contents {
            if name.starts_with("blobs/") {
                let text = String::from_utf8(bytes.clone()).expect("small files of text");
                assert_eq!(*name, place(&blob(&text)));
            }
        }
        let json = |name: &str| -> Value {
            serde_json::from_slice(&contents[name])
                .unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let at = |digest: &Value| {
            let digest = digest.as_str().expect("a digest");
            format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"))
        };
        let index = json("index.json");
        assert_eq!(index["manifests"][0]["digest"], *digest);
        let manifest = json(&at(&index["manifests"][0]["digest"]));
        let config = json(&at(&manifest["config"]["digest"]));
        let layer = &manifest["layers"][0]["digest"];
        assert_eq!(config["rootfs"]["diff_ids"][0], *layer);
        assert!(contents.contains_key(&at(layer)));
        let docker = json("manifest.json");
        assert_eq!(docker[0]["Layers"][0], at(layer));
        assert_eq!(docker[0]["Config"], at(&manifest["config"]["digest"]));
        assert_eq!(docker[0]["RepoTags"][0], "ferromesh.test/test:dev");
    }
}
