//! One object as it arrives: trimmed, taken apart, and with a fingerprint, so that nobody has to
//! keep it to see that it has not changed.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::Arc;

use ferromesh_api::advice::advice;
use ferromesh_api::read::{Fault, FaultKind};
use ferromesh_api::{Key, Object};
use serde_json::{Map, Value};

use super::mask::Mask;
use super::request::Target;
use super::trouble::Trouble;
use crate::batch::SourceFault;
use crate::{mesh_config, object, yaml};

/// Namespace and name of an object: `namespace/name`, the namespace empty for kinds of the
/// cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(Box<str>);

impl Name {
    /// Of these parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}").into())
    }

    /// Both.
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of an object.
#[derive(Debug)]
pub(super) enum Item {
    /// It says this.
    Put {
        /// Which one.
        name: Name,
        /// What is kept of it.
        object: Arc<Object>,
        /// The same for objects that say the same.
        print: u64,
    },
    /// It is gone.
    Gone(Name),
    /// It is there, and not readable.
    Broken(Name, Box<SourceFault>),
}

/// What becomes of a kind's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// They are handed over.
    Objects,
    /// The same, and their labels choose what else is.
    Namespaces,
    /// Their text is the mesh configuration, which is handed over.
    MeshConfig,
    /// They say which other kinds there are.
    Definitions,
}

/// Reads the objects of one kind.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// What becomes of them.
    pub role: Role,
    /// For fingerprints: nobody can tell which objects have the same.
    pub state: RandomState,
}

/// The parts of any object that tell which one it is.
const IDENTITY: Mask = Mask::Fields(&[(
    "metadata",
    Mask::Fields(&[
        ("name", Mask::Whole),
        ("namespace", Mask::Whole),
        ("resourceVersion", Mask::Whole),
    ]),
)]);

/// An object of an answer, and how far the answer has come.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The object.
    pub item: Item,
    /// The version of the whole cluster that it belongs to; empty if that is not said.
    pub position: String,
}

impl Reader {
    /// An object that is there.
    pub fn put(&self, target: &Target, json: &str) -> Result<Arrival, Trouble> {
        let (mut content, fault) = match target.kind.mask.read(json) {
            Ok(content) => (content, None),
            Err(error) => {
                let unreadable = |_| Trouble::Unreadable(error.to_string());
                let identity = IDENTITY.read(json).map_err(unreadable)?;
                let fault = Fault::new(FaultKind::WrongType, "", error.to_string());
                (identity, Some(fault))
            }
        };
        let (name, position) = identify(&mut content)?;
        let api_version = target.api_version();
        let read = match (fault, self.role) {
            (Some(fault), _) => Err(fault_of(fault, &api_version)),
            (None, Role::MeshConfig) => mesh_config_of(&content),
            (None, Role::Objects | Role::Namespaces | Role::Definitions) => {
                let content = typed(content, &api_version, target.kind.kind);
                object::read(content, "").map_err(|fault| fault_of(fault, &api_version))
            }
        };
        let name = self.handed_over(name);
        let item = match read {
            Ok(object) => Item::Put {
                print: self.print(&object.content, &position),
                object: Arc::new(object),
                name,
            },
            Err(mut fault) => {
                fault.object = Some(self.key(target, &name));
                Item::Broken(name, fault)
            }
        };
        Ok(Arrival { item, position })
    }

    /// An object that is gone.
    pub fn gone(&self, json: &str) -> Result<Arrival, Trouble> {
        let unreadable = |error: serde_json::Error| Trouble::Unreadable(error.to_string());
        let mut content = IDENTITY.read(json).map_err(unreadable)?;
        let (name, position) = identify(&mut content)?;
        let item = Item::Gone(self.handed_over(name));
        Ok(Arrival { item, position })
    }

    /// The name under which an object is handed over.
    fn handed_over(&self, name: Name) -> Name {
        match self.role {
            Role::MeshConfig => Name::new("", mesh_config::NAME),
            Role::Objects | Role::Namespaces | Role::Definitions => name,
        }
    }

    fn key(&self, target: &Target, name: &Name) -> Key {
        let (group, kind) = self.role.handed_over(target.kind.group, target.kind.kind);
        let (namespace, name) = name.parts();
        Key {
            group: Arc::from(group),
            kind: Arc::from(kind),
            namespace: Arc::from(namespace),
            name: Arc::from(name),
        }
    }

    fn print(&self, content: &Value, position: &str) -> u64 {
        let mut hasher = Hashing(self.state.build_hasher());
        // That a definition takes effect is seen in its status, which may then be asked for.
        if self.role == Role::Definitions {
            hasher.0.write(position.as_bytes());
        }
        match serde_json::to_writer(&mut hasher, content) {
            Ok(()) => hasher.0.finish(),
            // Equal to nothing: it counts as a change.
            Err(_) => fastrand::u64(..),
        }
    }
}

impl Role {
    /// The group and kind as which objects of a group and kind are handed over.
    pub fn handed_over(
        self,
        group: &'static str,
        kind: &'static str,
    ) -> (&'static str, &'static str) {
        match self {
            Self::MeshConfig => (mesh_config::GROUP, mesh_config::KIND),
            Self::Objects | Self::Namespaces | Self::Definitions => (group, kind),
        }
    }
}

struct Hashing<H>(H);

impl<H: Hasher> io::Write for Hashing<H> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes out what tells which object this is: the version is of no interest to anybody else.
fn identify(content: &mut Value) -> Result<(Name, String), Trouble> {
    let metadata = content.get_mut("metadata").and_then(Value::as_object_mut);
    let Some(metadata) = metadata else {
        return Err(Trouble::Unreadable("an object has no metadata".to_owned()));
    };
    let position = match metadata.shift_remove("resourceVersion") {
        Some(Value::String(position)) => position,
        _ => String::new(),
    };
    let text = |field: &str| {
        metadata
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    match (text("namespace"), text("name")) {
        (_, "") => Err(Trouble::Unreadable("an object has no name".to_owned())),
        (namespace, name) => Ok((Name::new(namespace, name), position)),
    }
}

/// Items of lists don't say what they are, and those that are metadata only say something else.
fn typed(content: Value, api_version: &str, kind: &str) -> Value {
    let mut fields = Map::new();
    fields.insert(
        "apiVersion".to_owned(),
        Value::String(api_version.to_owned()),
    );
    fields.insert("kind".to_owned(), Value::String(kind.to_owned()));
    if let Value::Object(content) = content {
        fields.extend(content);
    }
    Value::Object(fields)
}

/// The object that the text in a ConfigMap becomes.
fn mesh_config_of(content: &Value) -> Result<Object, Box<SourceFault>> {
    let api_version = format!("{}/{}", mesh_config::GROUP, mesh_config::VERSION);
    let missing = |message: &str| {
        fault_of(
            Fault::new(FaultKind::Missing, mesh_config::FIELD, message),
            &api_version,
        )
    };
    let text = content.pointer("/data/mesh").and_then(Value::as_str);
    let text = text.ok_or_else(|| missing("is required"))?;
    let (content, faults) = mesh_config::read(text);
    if let Some(fault) = faults.into_iter().next() {
        let yaml::Fault {
            code,
            line,
            path,
            message,
            hint,
            before: _,
        } = fault;
        let message = format!("line {line} of {}: {message}", mesh_config::FIELD);
        return Err(source_fault(code, path, message, hint, &api_version));
    }
    // A text without a document says nothing, which is no fault.
    let content = content.unwrap_or_else(|| mesh_config::object(Value::Object(Map::new())));
    object::read(content, "").map_err(|fault| fault_of(fault, &api_version))
}

fn fault_of(of: Fault, api_version: &str) -> Box<SourceFault> {
    let Fault {
        kind,
        path,
        message,
    } = of;
    let hint = advice(&message).map(str::to_owned);
    source_fault(object::code(kind), path, message, hint, api_version)
}

/// A fault of an object that has no place but its name.
fn source_fault(
    code: &'static str,
    path: String,
    message: String,
    hint: Option<String>,
    api_version: &str,
) -> Box<SourceFault> {
    Box::new(SourceFault {
        file: Arc::from(Path::new("")),
        line: 0,
        path,
        code,
        message,
        hint,
        object: None,
        api_version: api_version.to_owned(),
    })
}
