//! What changed.

use std::sync::Arc;

use ferromesh_mesh::view::View;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            pub(crate) const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number, for logs and tables of the caller.
            pub const fn number(self) -> u64 {
                self.0
            }
        }
    };
}

id!(
    /// An open proxy. Never used again after the proxy is closed.
    ProxyId
);
id!(
    /// A set of names shared by all proxies that would get the same views under them. Never used
    /// again after it is closed.
    AudienceId
);
id!(
    /// A view that some audience lists. Its content changes, its kind and the name that the
    /// target gives it never do. Never used again after it is dropped.
    ViewId
);

/// One change. Applied one by one in the given order, every step refers only to what exists.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// A view is new or has a new content.
    Put {
        /// Which.
        view: ViewId,
        /// Its content.
        content: View,
    },
    /// An audience is new; it lists nothing yet.
    Open {
        /// Which.
        audience: AudienceId,
    },
    /// An audience has one more view. It may have the name of a view that was taken off the same
    /// list before, in the same batch: then the name has a new content.
    List {
        /// Which audience.
        audience: AudienceId,
        /// Which view.
        view: ViewId,
    },
    /// A proxy belongs to these audiences, whose names are disjoint.
    Assign {
        /// Which proxy.
        proxy: ProxyId,
        /// All its audiences.
        audiences: Arc<[AudienceId]>,
    },
    /// An audience has one view less.
    Unlist {
        /// Which audience.
        audience: AudienceId,
        /// Which view.
        view: ViewId,
    },
    /// An audience is gone; no proxy belongs to it and it lists nothing.
    Close {
        /// Which.
        audience: AudienceId,
    },
    /// A view is gone; no audience lists it.
    Drop {
        /// Which.
        view: ViewId,
    },
}
