//! Where in an object a statement stands, built on the stack while lowering and rendered only
//! when somebody asks.

use std::fmt;

/// A field path as the author wrote it, such as `spec.http[0].match[1].headers.user-type`.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    /// The start, usually `spec`; may be empty for the object itself.
    Root(&'a str),
    /// A field of an object, or a key of a map.
    Field(&'a Path<'a>, &'a str),
    /// An item of a list.
    Item(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// A field of this object, or a key of this map.
    pub fn field<'b>(&'b self, name: &'b str) -> Path<'b> {
        Path::Field(self, name)
    }

    /// An item of this list.
    pub fn item(&self, index: usize) -> Path<'_> {
        Path::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(root) => f.write_str(root),
            Self::Field(Path::Root(""), name) => f.write_str(name),
            Self::Field(parent, name) if name.contains(['.', '[', '"']) => {
                write!(f, "{parent}[{name:?}]")
            }
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn renders_as_the_author_would_write_it() {
        let spec = Path::Root("spec");
        let rules = spec.field("http");
        let rule = rules.item(0);
        let headers = rule.field("headers");
        assert_eq!(
            headers.field("x-id").to_string(),
            "spec.http[0].headers.x-id"
        );
        assert_eq!(
            headers.field("a.b").to_string(),
            "spec.http[0].headers[\"a.b\"]"
        );
        assert_eq!(Path::Root("").field("subsets").to_string(), "subsets");
    }
}
