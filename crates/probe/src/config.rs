//! Reading messages inside messages.

use envoy::{Any, Message, Name};
use ferromesh_envoy as envoy;

use crate::answer::unknown;
use crate::verdict::Outcome;

/// The message of this type; unknown if it is another one or can't be read.
pub(crate) fn read<M: Message + Name + Default>(any: &Any) -> Result<M, Outcome> {
    if any.type_url != M::type_url() {
        return Err(unknown(format!("a {}", any.type_url)));
    }
    M::decode(any.value.as_slice()).map_err(|_| unknown(format!("a broken {}", any.type_url)))
}

/// Whether this is a message of that type.
pub(crate) fn is<M: Name>(any: &Any) -> bool {
    any.type_url == M::type_url()
}
