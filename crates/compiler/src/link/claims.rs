//! Which services want a listener, and who gets it when several do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ferromesh_mesh::name::Hostname;
use ferromesh_mesh::origin::Origin;
use ferromesh_mesh::view::cluster::ClusterName;
use ferromesh_mesh::view::listener::{Affinity, Outbound, TcpForward};
use ferromesh_mesh::view::route_table::TableName;
use ipnet::IpNet;

use crate::identity::Seniority;

/// How proxies get their outbound traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Capture {
    /// By redirection.
    Captured,
    /// From bound ports.
    Bound,
}

/// An address and port that one listener can have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    /// For which proxies.
    pub(crate) capture: Capture,
    /// The address.
    pub(crate) place: Place,
    /// The port.
    pub(crate) port: u16,
}

/// The address of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// Captured traffic to any address.
    Anywhere,
    /// Captured traffic to this address.
    Address(IpAddr),
    /// A socket of its own, on this address or on the proxy's outbound address.
    Socket(Option<IpAddr>),
}

/// Who comes first: the oldest. The host is part of it, because a declaration may change its name
/// from one edit to the next.
type Order = (Seniority, Hostname);

/// A service that wants a slot.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// Its precedence.
    pub(crate) order: Order,
    /// What is spoken.
    pub(crate) speaks: Speaks,
    /// The cluster of its connections.
    pub(crate) cluster: ClusterName,
    /// A connection without traffic is closed.
    pub(crate) idle_timeout: Option<Duration>,
    /// Whether a client meets the same instance again.
    pub(crate) affinity: Affinity,
    /// Who declared it.
    pub(crate) origin: Origin,
}

/// What is spoken on a claimed slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// Requests.
    Http,
    /// Either.
    Detect,
    /// Connections; perhaps only to a range of addresses; perhaps the server speaks first.
    Tcp {
        /// The range.
        range: Option<IpNet>,
        /// Whether nothing may wait for the client's first bytes.
        opaque: bool,
    },
}

impl Claim {
    /// The service.
    pub(crate) fn host(&self) -> &Hostname {
        &self.order.1
    }

    fn is_opaque(&self) -> bool {
        matches!(self.speaks, Speaks::Tcp { opaque: true, .. })
    }

    fn forward(&self) -> TcpForward {
        TcpForward {
            clusters: vec![(self.cluster.clone(), 1)],
            idle_timeout: self.idle_timeout,
            server_first: self.is_opaque(),
            affinity: self.affinity,
        }
    }
}

impl PartialEq for Claim {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            order,
            speaks,
            cluster,
            idle_timeout,
            affinity,
            origin: _,
        } = self;
        *order == other.order
            && *speaks == other.speaks
            && *cluster == other.cluster
            && *idle_timeout == other.idle_timeout
            && *affinity == other.affinity
    }
}

/// All claims to a slot; who gets it is found without looking at all of them.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    http: BTreeMap<Order, Arc<Claim>>,
    detect: BTreeMap<Order, Arc<Claim>>,
    tcp: BTreeMap<Order, Arc<Claim>>,
    ranges: BTreeMap<(IpNet, Order), Arc<Claim>>,
}

/// Who gets a slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Award {
    /// Connections to ranges of addresses.
    pub(crate) ranges: Vec<(IpNet, TcpForward)>,
    /// The rest; `None` = nobody wants it.
    pub(crate) traffic: Option<Outbound>,
    /// The table of its requests.
    pub(crate) table: Option<TableName>,
    /// The only claimant.
    pub(crate) origin: Option<Origin>,
}

impl Claims {
    /// One more claim.
    pub(crate) fn insert(&mut self, claim: Arc<Claim>) {
        match claim.speaks {
            Speaks::Http => self.http.insert(claim.order.clone(), claim),
            Speaks::Detect => self.detect.insert(claim.order.clone(), claim),
            Speaks::Tcp { range: None, .. } => self.tcp.insert(claim.order.clone(), claim),
            Speaks::Tcp {
                range: Some(range), ..
            } => self.ranges.insert((range, claim.order.clone()), claim),
        };
    }

    /// One claim less.
    pub(crate) fn remove(&mut self, claim: &Claim) {
        match claim.speaks {
            Speaks::Http => self.http.remove(&claim.order),
            Speaks::Detect => self.detect.remove(&claim.order),
            Speaks::Tcp { range: None, .. } => self.tcp.remove(&claim.order),
            Speaks::Tcp {
                range: Some(range), ..
            } => self.ranges.remove(&(range, claim.order.clone())),
        };
    }

    /// Whether nobody wants the slot.
    pub(crate) fn is_empty(&self) -> bool {
        self.http.is_empty()
            && self.detect.is_empty()
            && self.tcp.is_empty()
            && self.ranges.is_empty()
    }

    /// Who gets the slot. Requests of all claimants share a table; of those that want
    /// connections the oldest gets them; requests and connections are told apart, unless the
    /// server may speak first: then the oldest of both gets everything (Istio).
    pub(crate) fn award(&self, slot: &Slot) -> Option<Award> {
        let oldest = |a: Option<&Arc<Claim>>, b: Option<&Arc<Claim>>| match (a, b) {
            (Some(a), Some(b)) => Some(if a.order <= b.order {
                a.clone()
            } else {
                b.clone()
            }),
            (a, b) => a.or(b).cloned(),
        };
        let first =
            |claims: &BTreeMap<_, Arc<Claim>>| claims.first_key_value().map(|(_, c)| c.clone());
        let (http, detect, tcp) = (first(&self.http), first(&self.detect), first(&self.tcp));
        let requests = oldest(http.as_ref(), detect.as_ref());
        let connections = oldest(tcp.as_ref(), detect.as_ref());
        let port_table = match (&slot.place, &http, &requests) {
            (Place::Address(_), None, Some(only)) => {
                TableName::HostPort(only.host().clone(), slot.port)
            }
            _ => TableName::Port(slot.port),
        };
        let (traffic, table) = match (requests, connections) {
            (None, None) => (None, None),
            (None, Some(tcp)) => (Some(Outbound::Tcp(tcp.forward())), None),
            (Some(_), None) => (Some(Outbound::Http(port_table.clone())), Some(port_table)),
            (Some(http), Some(tcp)) if tcp.is_opaque() => {
                if tcp.order < http.order {
                    (Some(Outbound::Tcp(tcp.forward())), None)
                } else {
                    (Some(Outbound::Http(port_table.clone())), Some(port_table))
                }
            }
            (Some(_), Some(tcp)) => (
                Some(Outbound::Detect {
                    http: port_table.clone(),
                    tcp: tcp.forward(),
                }),
                Some(port_table),
            ),
        };
        let mut ranges: Vec<(IpNet, TcpForward)> = Vec::new();
        for ((range, _), claim) in &self.ranges {
            if ranges.last().is_none_or(|(last, _)| last != range) {
                ranges.push((*range, claim.forward()));
            }
        }
        (traffic.is_some() || !ranges.is_empty()).then(|| Award {
            ranges,
            traffic,
            table,
            origin: self.only(),
        })
    }

    /// Claims that get nothing of the slot, and who got it instead.
    pub(crate) fn losers(&self) -> Vec<(&Arc<Claim>, &Arc<Claim>)> {
        let mut losers = Vec::new();
        let connections: BTreeMap<_, _> = self.tcp.iter().chain(&self.detect).collect();
        let mut in_order = connections.into_values();
        if let Some(winner) = in_order.next() {
            let rest = in_order.filter(|claim| claim.speaks != Speaks::Detect);
            losers.extend(rest.map(|claim| (claim, winner)));
            let requests: BTreeSet<_> = self.http.keys().chain(self.detect.keys()).collect();
            if winner.is_opaque()
                && let Some(oldest) = requests.first()
            {
                let all = self.http.values().chain(self.detect.values());
                if winner.order < **oldest {
                    losers.extend(all.map(|claim| (claim, winner)));
                } else if let Some(other) = self.http.values().chain(self.detect.values()).next() {
                    losers.push((winner, other));
                }
            }
        }
        for ((range, _), claim) in &self.ranges {
            let first = self.ranges.iter().find(|((other, _), _)| other == range);
            if let Some((_, winner)) = first.filter(|(_, winner)| winner.order != claim.order) {
                losers.push((claim, winner));
            }
        }
        losers
    }

    /// All claims.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Claim>> {
        self.http
            .values()
            .chain(self.detect.values())
            .chain(self.tcp.values())
            .chain(self.ranges.values())
    }

    fn only(&self) -> Option<Origin> {
        let mut all = self.all();
        let first = all.next()?;
        all.next().is_none().then(|| first.origin.clone())
    }
}
