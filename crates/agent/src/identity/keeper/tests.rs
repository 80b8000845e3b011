//! The life of certificates, in a world whose time passes only while everybody waits.

mod world;

use std::sync::Arc;
use std::time::Duration;

use super::Counts;
use super::accept;
use world::{Mood, World, day};

#[tokio::test(start_paused = true)]
async fn certificates_are_renewed_about_half_life() {
    let world = World::new();
    let keeper = world.start();
    let asked = world.asked(12).await;
    let gaps: Vec<f64> = asked
        .windows(2)
        .map(|pair| (pair[1].at - pair[0].at).div_duration_f64(day()))
        .collect();
    assert!(
        gaps.iter().all(|gap| (0.449..0.551).contains(gap)),
        "{gaps:?}"
    );
    // Pods that start together don't come back together.
    let (first, rest) = gaps.split_first().expect("some");
    assert!(
        rest.iter().any(|gap| (gap - first).abs() > 0.001),
        "{gaps:?}"
    );
    let counts = *keeper.counts.borrow();
    assert_eq!(
        counts,
        Counts {
            issued: 12,
            failed: 0
        }
    );
}

#[tokio::test(start_paused = true)]
async fn each_certificate_has_a_key_of_its_own() {
    let world = World::new();
    let keeper = world.start();
    let first = keeper.own(|_| true).await;
    let second = keeper.own(|own| !Arc::ptr_eq(own, &first)).await;
    assert_ne!(first.key.pem(), second.key.pem());
    assert_ne!(first.chain[0].serial(), second.chain[0].serial());
}

#[tokio::test(start_paused = true)]
async fn an_absent_authority_is_asked_ever_less_often() {
    let world = World::new();
    world.is(Mood::Away);
    let keeper = world.start();
    let asked = world.asked(16).await;
    let mut longest = Duration::from_millis(100);
    for pair in asked.windows(2) {
        let gap = pair[1].at - pair[0].at;
        // Time has a grain of a millisecond.
        let grain = Duration::from_millis(2);
        assert!(
            gap + grain >= longest / 2 && gap <= longest + grain,
            "{gap:?} of {longest:?}"
        );
        longest = (longest * 2).min(Duration::from_secs(30));
    }
    assert!(keeper.held.borrow().own.is_none());
    let trouble = keeper.held.borrow().trouble.clone();
    assert!(trouble.is_some_and(|why| why.contains("gone fishing")));
    // When it is back, it takes no longer than the longest pause.
    world.is(Mood::Present);
    let back = tokio::time::Instant::now();
    keeper.own(|_| true).await;
    assert!(back.elapsed() <= Duration::from_secs(31));
    assert!(keeper.held.borrow().trouble.is_none());
    assert_eq!(keeper.counts.borrow().issued, 1);
}

#[tokio::test(start_paused = true)]
async fn the_old_certificate_stays_while_the_authority_is_away() {
    let world = World::new();
    let keeper = world.start();
    let first = keeper.own(|_| true).await;
    world.is(Mood::Away);
    // Longer than half of its life.
    tokio::time::sleep(day().mul_f64(0.9)).await;
    let held = keeper.held.borrow().clone();
    assert!(held.own.is_some_and(|own| Arc::ptr_eq(&own, &first)));
    assert!(held.trust.is_some());
    assert!(held.trouble.is_some());
    world.is(Mood::Present);
    let second = keeper.own(|own| !Arc::ptr_eq(own, &first)).await;
    assert!(second.expires() > first.expires());
    assert!(keeper.held.borrow().trouble.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_token_is_read_again_for_each_request() {
    let world = World::new();
    let keeper = world.start();
    world.asked(1).await;
    world.token("second");
    world.asked(2).await;
    world.is(Mood::Away);
    world.asked(3).await;
    // Also while nobody answers.
    world.token("third\n");
    world.is(Mood::Present);
    let asked = world.asked(4).await;
    let tokens: Vec<_> = asked.iter().map(|it| it.token.as_deref()).collect();
    assert_eq!(tokens[..2], [Some("first"), Some("second")]);
    assert_eq!(tokens.last(), Some(&Some("third")));
    drop(keeper);
}

#[tokio::test(start_paused = true)]
async fn without_a_token_only_a_valid_certificate_is_shown() {
    let world = World::new();
    world.lose_token();
    let keeper = world.start();
    // Who has nothing to show doesn't ask.
    tokio::time::sleep(day()).await;
    assert!(world.asked(0).await.is_empty());
    let trouble = keeper.held.borrow().trouble.clone();
    assert!(trouble.is_some_and(|why| why.contains("--token")));
    world.token("first");
    let first = keeper.own(|_| true).await;
    world.lose_token();
    let asked = world.asked(2).await;
    assert_eq!(asked[1].token, None);
    assert_eq!(asked[1].shown.as_deref(), Some(first.chain[0].serial()));
    // Nothing is shown beside a token.
    assert_eq!(asked[0].shown, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_of_somebody_else_is_not_taken() {
    let world = World::new();
    let keeper = world.start();
    let first = keeper.own(|_| true).await;
    for mood in [
        Mood::Impostor,
        Mood::OfAnotherNamespace,
        Mood::OfAnotherKey,
        Mood::Late,
    ] {
        world.is(mood);
        let before = keeper.counts.borrow().failed;
        let mut counts = keeper.counts.clone();
        let failed = counts.wait_for(|counts| counts.failed > before);
        failed.await.expect("the keeper runs");
        let held = keeper.held.borrow().clone();
        assert!(
            held.own.is_some_and(|own| Arc::ptr_eq(&own, &first)),
            "{mood:?}"
        );
        let why = held.trouble.expect("trouble");
        assert!(why.contains("unusable"), "{mood:?}: {why}");
        world.is(Mood::Present);
    }
}

#[test]
fn an_empty_answer_is_none() {
    let world = World::new();
    let key = crate::identity::key::Key::generate().expect("a key");
    let fault = accept::certificate(&world.credentials(), &[], key, None, 0);
    assert!(fault.is_err());
}
