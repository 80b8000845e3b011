//! Normalisation of paths before anybody looks at them.

/// How paths are normalised (`pathNormalization`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathNormalization {
    /// Not at all.
    None,
    /// By RFC 3986: dot segments, encoded unreserved characters; `\` becomes `/`.
    Base,
    /// Also `//` becomes `/`.
    MergeSlashes,
    /// Also `%2F` and `%5C` are decoded before.
    DecodeAndMergeSlashes,
}
