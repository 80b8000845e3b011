//! Transparent capture: pods with network namespaces of their own, whose traffic the kernel brings to the proxy, by
//! redirection and by transparent proxying, over IPv4, IPv6 and both. Asserted is what clients and applications see.
//!
//! It needs root, `ip`, `nft` and `setpriv`, so `cargo test` alone leaves it out; run it by `make test-root`, or by
//! `cargo test -p ferromesh-testkit --test capture`. A kernel without a feature fails it.

#[path = "capture/addresses.rs"]
mod addresses;
#[path = "capture/headless.rs"]
mod headless;
#[path = "capture/inbound.rs"]
mod inbound;
#[path = "capture/log.rs"]
mod log;
#[path = "capture/objects.rs"]
mod objects;
#[path = "capture/pod.rs"]
mod pod;
#[path = "capture/rules.rs"]
mod rules;
#[path = "capture/secrets.rs"]
mod secrets;
#[path = "capture/services.rs"]
mod services;
#[path = "capture/tcp.rs"]
mod tcp;
#[path = "capture/unknown.rs"]
mod unknown;
#[path = "capture/world.rs"]
mod world;

/// A test of each promise for a way of capture and the address families of the pods.
macro_rules! promises {
    ($variant:ident, $mode:ident, $families:ident: $($module:ident::$promise:ident),+ $(,)?) => {
        mod $variant {
            $(
                // The test's own thread waits for threads in namespaces, while workers serve applications and relays.
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let variant = crate::world::Variant {
                        mode: crate::rules::Mode::$mode,
                        families: crate::addresses::Families::$families,
                    };
                    crate::$module::$promise(variant).await;
                }
            )+
        }
    };
}

/// All promises for a variant.
macro_rules! variant {
    ($variant:ident, $mode:ident, $families:ident) => {
        promises! { $variant, $mode, $families:
            services::services_by_virtual_address,
            services::routes_and_weights,
            tcp::connections_by_virtual_address,
            headless::headless_services_and_self_calls,
            unknown::unknown_destinations_pass_or_are_refused,
            inbound::clients_without_a_proxy,
            inbound::the_ports_of_the_proxy_lead_nowhere,
            log::both_sides_log_as_istio,
        }
    };
}

// How traffic gets to Envoy and by which addresses makes no difference here, but as whom it runs does.
promises! { redirect, Redirect, V4: secrets::secrets_are_for_envoy_alone }
promises! { tproxy, Tproxy, V4: secrets::secrets_are_for_envoy_alone }

variant!(redirect_v4, Redirect, V4);
variant!(redirect_v6, Redirect, V6);
variant!(redirect_dual, Redirect, Dual);
variant!(tproxy_v4, Tproxy, V4);
variant!(tproxy_v6, Tproxy, V6);
variant!(tproxy_dual, Tproxy, Dual);
