//! From proxies to audiences.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::scopes::{fill, tables_of};
use super::{Compiler, OpenProxy};
use crate::audience::{Audience, AudienceKey, Facet, RoutesKind};
use crate::edit::{AudienceId, ProxyId};
use crate::link::claims::Capture;
use crate::link::proxies::LinkedProxy;
use crate::proxy::{Interception, Proxy, Tables};
use crate::scopes::ScopeState;

impl Compiler {
    /// Finds out again to which audiences proxies belong.
    pub(super) fn regroup(&mut self, proxies: BTreeSet<ProxyId>) {
        for id in proxies {
            let Some(OpenProxy {
                proxy,
                linked: Some(linked),
                audiences: before,
            }) = self.proxies.get(&id)
            else {
                continue;
            };
            let Some(state) = self.scopes.get(&linked.scope) else {
                continue;
            };
            let (linked, before) = (linked.clone(), before.clone());
            let after = keys(proxy, &linked, state);
            if before == after {
                continue;
            }
            for key in after.iter().filter(|key| !before.contains(key)) {
                self.join(id, key, &linked);
            }
            for key in before.iter().filter(|key| !after.contains(key)) {
                self.leave(id, key);
            }
            if let Some(open) = self.proxies.get_mut(&id) {
                open.audiences = after;
            }
            self.moved.insert(id);
        }
    }

    fn join(&mut self, proxy: ProxyId, key: &AudienceKey, linked: &LinkedProxy) {
        if !self.audiences.contains_key(key) {
            let id = AudienceId::new(self.next_audience);
            self.next_audience += 1;
            let mut audience = Audience::new(id);
            match key.scope() {
                Some(scope) => {
                    if let Some(state) = self.scopes.get_mut(scope) {
                        state.audiences.insert(key.clone());
                        fill(key, &mut audience, state, &mut self.memo);
                    }
                }
                None => {
                    for view in &linked.inbound.views {
                        audience.add(view, &mut self.memo);
                    }
                }
            }
            if tables_of(key) == Some(Tables::Inline) {
                self.inline.insert(key.clone());
            }
            self.audiences.insert(key.clone(), audience);
            self.unsettled.insert(key.clone());
            self.born.push(id);
        }
        if let Some(audience) = self.audiences.get_mut(key) {
            audience.members.insert(proxy);
        }
    }

    /// The audience goes with its last proxy.
    pub(super) fn leave(&mut self, proxy: ProxyId, key: &AudienceKey) {
        let Some(audience) = self.audiences.get_mut(key) else {
            return;
        };
        audience.members.remove(&proxy);
        if !audience.members.is_empty() {
            return;
        }
        if let Some(state) = key.scope().and_then(|scope| self.scopes.get_mut(scope)) {
            state.audiences.remove(key);
        }
        if let Some(mut audience) = self.audiences.remove(key) {
            audience.clear(tables_of(key), &mut self.memo);
            self.unsettled.remove(key);
            self.inline.remove(key);
            self.died.push(audience);
        }
    }
}

/// The audiences of a proxy.
fn keys(proxy: &Proxy, linked: &LinkedProxy, state: &ScopeState) -> Vec<AudienceKey> {
    let scope = &linked.scope;
    let facet = facet(proxy, linked);
    let has_proxy_port = matches!(
        &facet,
        Facet::Bound {
            http_proxy_port: Some(_),
            ..
        }
    );
    let mut keys = vec![AudienceKey::Shared(
        scope.clone(),
        facet.capture(),
        proxy.certificates,
    )];
    if let Some(viewer) = state.viewer(&linked.attributes) {
        let (scope, capture) = (scope.clone(), facet.capture());
        keys.push(AudienceKey::Place(
            scope,
            capture,
            proxy.certificates,
            viewer,
        ));
    }
    keys.push(AudienceKey::Routes(
        scope.clone(),
        RoutesKind {
            capture: facet.capture(),
            has_proxy_port: has_proxy_port && facet.capture() == Capture::Bound,
            tables: proxy.tables,
            holds: state.holds(&linked.attributes),
        },
    ));
    keys.push(AudienceKey::Listeners(scope.clone(), facet));
    keys.push(inbound(proxy));
    keys
}

/// The audience of what a proxy's workload serves.
pub(super) fn inbound(proxy: &Proxy) -> AudienceKey {
    let Proxy {
        workload,
        interception,
        tables: _,
        certificates,
    } = proxy;
    AudienceKey::Inbound(workload.clone(), interception.clone(), *certificates)
}

/// How a proxy's outbound listeners differ from those of others in its scope.
pub(super) fn facet(proxy: &Proxy, linked: &LinkedProxy) -> Facet {
    let Interception::None(bound) = &proxy.interception else {
        return Facet::Captured(linked.families);
    };
    let taken: BTreeSet<u16> = linked
        .inbound
        .sockets
        .iter()
        .filter(|socket| {
            socket.ip() == bound.outbound
                || socket.ip().is_unspecified()
                || bound.outbound.is_unspecified()
        })
        .map(SocketAddr::port)
        .collect();
    Facet::Bound {
        outbound: bound.outbound,
        http_proxy_port: bound.http_proxy_port.filter(|port| !taken.contains(port)),
        taken: taken.into_iter().collect(),
    }
}
