//! The names of images.

use crate::annotation::Misreading;

/// Checks the name of an image and gives it back.
pub(crate) fn image(text: &str) -> Result<String, Misreading> {
    let sound = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@')
    };
    if text.is_empty() || text.len() > 512 || !text.bytes().all(sound) {
        return Err(Misreading::new(
            format!("{text:?} is no name of an image"),
            "write REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST",
        ));
    }
    Ok(text.to_owned())
}

/// The image of a type (`debug`, `distroless`, …) beside this one: Istio appends it to the tag.
pub(crate) fn of_type(image: &str, kind: &str) -> Result<String, Misreading> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if kind.is_empty() || kind.len() > 63 || !kind.bytes().all(sound) {
        return Err(Misreading::new(
            format!("{kind:?} is no type of images"),
            "write a word such as \"debug\"",
        ));
    }
    let after_host = image.rfind('/').map_or(0, |slash| slash + 1);
    let name = image.get(after_host..).unwrap_or_default();
    if name.contains('@') {
        return Err(Misreading::new(
            format!("image {image:?} is pinned by its digest and has no types"),
            "name the image by sidecar.istio.io/proxyImage",
        ));
    }
    let Some((name, tag)) = name.split_once(':') else {
        return Err(Misreading::new(
            format!("image {image:?} has no tag and so no types"),
            "name the image by sidecar.istio.io/proxyImage",
        ));
    };
    let known = ["-debug", "-distroless"];
    let tag = known
        .iter()
        .find_map(|suffix| tag.strip_suffix(suffix))
        .unwrap_or(tag);
    let before = image.get(..after_host).unwrap_or_default();
    Ok(match kind {
        "default" => format!("{before}{name}:{tag}"),
        kind => format!("{before}{name}:{tag}-{kind}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{image, of_type};

    #[test]
    fn a_type_is_a_suffix_of_the_tag() {
        for (image, kind, expected) in [
            (
                "r.test:5000/proxy:1.0",
                "debug",
                Some("r.test:5000/proxy:1.0-debug"),
            ),
            (
                "r/proxy:1.0-debug",
                "distroless",
                Some("r/proxy:1.0-distroless"),
            ),
            ("proxy:1.0-debug", "default", Some("proxy:1.0")),
            ("r.test:5000/proxy", "debug", None),
            ("r/proxy@sha256:00", "debug", None),
            ("proxy:1.0", "a b", None),
        ] {
            let found = of_type(image, kind).ok();
            assert_eq!(found.as_deref(), expected, "{image} {kind}");
        }
    }

    #[test]
    fn a_name_has_no_spaces() {
        assert!(image("r.test:5000/a/proxy_1@sha256:00").is_ok());
        for text in ["", "a b", "a\nb", "$(X)", "a\"b"] {
            assert!(image(text).is_err(), "{text}");
        }
    }
}
