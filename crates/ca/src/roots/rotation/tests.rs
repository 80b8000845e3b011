//! A rotation in which nobody fails, though the program dies at every step.

use std::path::Path;
use std::time::Duration;

use ferromesh_identity::{Bundle, Certificate, SpiffeId, TrustDomain, WorkloadLabels};
use rcgen::{CertificateParams, KeyPair};

use crate::attest::Attested;
use crate::authority::{Authority, Issued, Lifetimes};
use crate::csr::Csr;
use crate::roots::{Roots, Rotation, Stage, begin_rotation};
use crate::store::crash;
use crate::verify;
use crate::workloads::Kind;

const NOW: Duration = Duration::from_secs(1_800_000_000);

const ROTATION: Rotation = Rotation {
    hold: Duration::from_secs(100),
    retire: Duration::from_secs(100),
};

/// The longest life of a leaf here.
const LIFE: Duration = Duration::from_secs(90);

/// Somebody with a leaf and the roots that came with it.
#[derive(Clone, Debug)]
struct Workload {
    chain: Vec<Vec<u8>>,
    bundle: Bundle,
    end: u64,
}

fn authority() -> Authority {
    Authority {
        lifetimes: Lifetimes {
            default: LIFE,
            min: Duration::from_secs(1),
            max: LIFE,
            skew: Duration::from_secs(5),
        },
        control_plane: SpiffeId::of_control_plane(TrustDomain::default(), "istio-system")
            .expect("an id"),
        control_plane_names: vec![],
    }
}

fn open(state: &Path, now: Duration) -> Result<Roots, super::RootFault> {
    Roots::own(state, &TrustDomain::default(), ROTATION, now)
}

fn enrolled(roots: &Roots, now: Duration) -> Workload {
    let attested = Attested {
        identity: SpiffeId::new(TrustDomain::default(), "a", "b").expect("an id"),
        labels: WorkloadLabels::unknown(),
        kind: Kind::Pod,
    };
    let key = KeyPair::generate().expect("a key");
    let request = CertificateParams::default()
        .serialize_request(&key)
        .expect("a request");
    let csr = Csr::parse(&request.pem().expect("PEM")).expect("a request");
    let trust = roots.watch().borrow().clone();
    let authority = authority();
    let mut issue = std::pin::pin!(authority.issue(&trust, (&csr, 0), &attested, now));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(issued) = issue.as_mut().poll(&mut cx) else {
        panic!("our own root doesn't wait")
    };
    let Issued {
        leaf,
        intermediates,
        roots,
        not_after,
    } = issued.expect("a certificate");
    let all = Certificate::all_from_pem(format!("{leaf}{intermediates}").as_bytes());
    Workload {
        chain: all
            .expect("a chain")
            .iter()
            .map(|one| one.der().to_vec())
            .collect(),
        bundle: Bundle::from_pem(roots.as_bytes()).expect("roots"),
        end: not_after,
    }
}

/// Everybody whose leaf is valid trusts everybody whose leaf is.
fn all_trust_each_other(workloads: &[Workload], now: Duration) {
    let alive: Vec<_> = workloads
        .iter()
        .filter(|one| one.end >= now.as_secs())
        .collect();
    for server in &alive {
        for client in &alive {
            verify::peer(&client.chain, &server.bundle, now)
                .unwrap_or_else(|error| panic!("{error:?} at {now:?}"));
        }
    }
}

/// What goes on at a time: the command, or the program that runs.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Begin,
    Step,
}

/// One rotation.
const ROUND: usize = 10;

const LIFE_OF_A_MESH: &[(u64, Deed, Stage)] = &[
    (10, Deed::Begin, Stage::Introduced),
    (11, Deed::Begin, Stage::Introduced),
    (12, Deed::Step, Stage::Introduced),
    (60, Deed::Step, Stage::Introduced),
    (109, Deed::Step, Stage::Introduced),
    (111, Deed::Step, Stage::Switched),
    (112, Deed::Begin, Stage::Switched),
    (160, Deed::Step, Stage::Switched),
    (210, Deed::Step, Stage::Switched),
    (212, Deed::Step, Stage::Stable),
    (213, Deed::Begin, Stage::Introduced),
    (320, Deed::Step, Stage::Switched),
    (430, Deed::Step, Stage::Stable),
];

fn done(deed: Deed, state: &Path, now: Duration) -> Result<Stage, super::RootFault> {
    match deed {
        Deed::Begin => begin_rotation(state, &TrustDomain::default(), now),
        Deed::Step => open(state, now)?.step(now),
    }
}

/// Runs the life of a mesh; the program dies at a step of each deed, comes back and does it again.
fn live(dies_after: Option<u32>, deeds: usize) -> u32 {
    let state = tempfile::tempdir().expect("a directory");
    let mut died = 0;
    let mut doing = |deed, now| {
        if let Some(steps) = dies_after {
            crash::after(steps);
            died += u32::from(done(deed, state.path(), now).is_err());
            crash::never();
            // Between death and return there is what was there before or after the deed.
            if let Ok(roots) = open(state.path(), now) {
                all_trust_each_other(&[enrolled(&roots, now)], now);
            }
        }
        done(deed, state.path(), now).expect("what died goes on")
    };
    doing(Deed::Step, NOW);
    let roots = open(state.path(), NOW).expect("roots");
    let mut workloads = vec![enrolled(&roots, NOW)];
    for (at, deed, stage) in LIFE_OF_A_MESH.iter().take(deeds) {
        let now = NOW + Duration::from_secs(*at);
        assert_eq!(doing(*deed, now), *stage, "at {at}");
        let roots = open(state.path(), now).expect("roots");
        workloads.push(enrolled(&roots, now));
        all_trust_each_other(&workloads, now);
        let published = std::fs::read(state.path().join("root-cert.pem")).expect("the bundle");
        let trust = roots.watch().borrow().clone();
        assert_eq!(published, trust.pem.as_bytes());
        let expected = match stage {
            Stage::Stable => 1,
            Stage::Introduced | Stage::Switched => 2,
        };
        assert_eq!(trust.bundle.roots().len(), expected, "at {at}");
        let kept = std::fs::read_dir(state.path().join("ca")).expect("it");
        let kept = kept.filter(|entry| entry.as_ref().expect("it").path().is_dir());
        assert_eq!(kept.count(), expected, "nothing is left over at {at}");
    }
    died
}

#[test]
fn nobody_fails() {
    assert_eq!(live(None, LIFE_OF_A_MESH.len()), 0);
}

#[test]
fn nobody_fails_though_the_program_dies_at_every_step() {
    for steps in 0.. {
        if live(Some(steps), ROUND) == 0 {
            // No deed has that many steps.
            assert!(steps > 15, "{steps}");
            break;
        }
    }
}

#[test]
fn a_workload_that_has_not_heard_of_the_new_root_trusts_what_it_signs() {
    let state = tempfile::tempdir().expect("a directory");
    let roots = open(state.path(), NOW).expect("roots");
    let deaf = enrolled(&roots, NOW).bundle;
    begin_rotation(state.path(), &TrustDomain::default(), NOW).expect("begun");
    let later = NOW + ROTATION.hold;
    assert_eq!(roots.step(later), Ok(Stage::Switched));
    let fresh = enrolled(&roots, later);
    assert_eq!(
        fresh.chain.len(),
        2,
        "the leaf, and the new root as the old one sees it"
    );
    verify::peer(&fresh.chain, &deaf, later).expect("a chain");
}

#[test]
fn a_running_program_goes_on_with_what_a_command_began() {
    let state = tempfile::tempdir().expect("a directory");
    let roots = open(state.path(), NOW).expect("roots");
    let mut watch = roots.watch();
    watch.mark_unchanged();
    assert_eq!(roots.step(NOW), Ok(Stage::Stable));
    assert!(!watch.has_changed().expect("it"), "nothing has changed");
    begin_rotation(state.path(), &TrustDomain::default(), NOW).expect("begun");
    assert_eq!(roots.step(NOW), Ok(Stage::Introduced));
    assert!(watch.has_changed().expect("it"));
    assert_eq!(watch.borrow_and_update().bundle.roots().len(), 2);
}

#[test]
fn what_was_lost_is_told_and_not_made_up() {
    let state = tempfile::tempdir().expect("a directory");
    let domain = TrustDomain::default();
    let fault = begin_rotation(state.path(), &domain, NOW).expect_err("no root");
    assert!(fault.to_string().contains("no root of our own"), "{fault}");

    let roots = open(state.path(), NOW).expect("roots");
    let file = state.path().join("ca/rotation.json");
    let sound = std::fs::read(&file).expect("the state");
    let before = roots.watch().borrow().pem.clone();
    for broken in [&b""[..], b"{}", b"{\"stage\":\"stable\"}", b"\xff"] {
        std::fs::write(&file, broken).expect("a file");
        assert!(roots.step(NOW).is_err());
        assert!(open(state.path(), NOW).is_err());
    }
    std::fs::remove_file(&file).expect("removed");
    let fault = open(state.path(), NOW).expect_err("gone");
    assert!(
        fault.to_string().contains("rotation.json is gone"),
        "{fault}"
    );
    assert_eq!(
        roots.watch().borrow().pem,
        before,
        "what was trusted still is"
    );
    std::fs::write(&file, sound).expect("a file");
    assert_eq!(roots.step(NOW), Ok(Stage::Stable));
}

#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let state = tempfile::tempdir().expect("a directory");
    open(state.path(), NOW).expect("roots");
    let mode = |path: &Path| std::fs::metadata(path).expect("it").permissions().mode() & 0o777;
    let home = state.path().join("ca");
    assert_eq!(mode(&home), 0o700);
    assert_eq!(mode(&state.path().join("root-cert.pem")), 0o644);
    let root = std::fs::read_dir(&home)
        .expect("it")
        .map(|entry| entry.expect("it").path())
        .find(|path| path.is_dir())
        .expect("a root");
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&root.join("root-key.pem")), 0o600);
}
