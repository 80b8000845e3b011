//! A directory of YAML and JSON files as a source of objects.
//!
//! Read are `*.yaml`, `*.yml` and `*.json`, recursively, through symbolic links; names that begin
//! with a dot are not (editors and Kubernetes' mounted ConfigMaps keep their own things there).
//! `mesh.yaml` at the root may be bare mesh configuration, see [`crate::mesh_config`].
//!
//! Reading order: `contents` (one file) → `index` (files into the changes of objects) → `scan`
//! (what is there) → `load`, and `signals` and `watch`.

mod contents;
mod index;
mod load;
mod scan;
mod signals;
mod watch;

pub use load::{Loaded, load};
pub use watch::{OpenError, Watch};

/// Reads the name of a namespace, as on a command line.
///
/// # Errors
/// If no namespace can have that name.
pub fn namespace(text: &str) -> Result<String, String> {
    let sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = (1..=63).contains(&text.len())
        && text.bytes().all(sound)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("not a namespace name (lower-case letters, digits and -)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::namespace;

    #[test]
    fn namespaces_have_names_as_kubernetes_allows_them() {
        for (text, fine) in [
            ("shop", true),
            ("shop-2", true),
            ("2", true),
            ("", false),
            ("A_B", false),
            ("a.b", false),
            ("-a", false),
            ("a-", false),
            (&"a".repeat(64), false),
        ] {
            assert_eq!(namespace(text).is_ok(), fine, "{text}");
        }
    }
}
