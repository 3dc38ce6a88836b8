use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::{HUGE, Permit, PermitRequest, Permits, Windows};
use crate::limits::pause::GaveUp;
use crate::limits::window::Class;

const LONGEST: Duration = Duration::from_secs(900);

fn permits(large: usize) -> Permits {
    Permits::new(large, LONGEST)
}

/// Waits for a permit for a large transfer between the two.
async fn transfer(from: &Windows, to: &Windows, image: u32, size: u64) -> Permit {
    let windows = vec![from.of(Class::Large), to.of(Class::Large)];
    from.permits.acquire(windows, PermitRequest { image, size }).await.unwrap()
}

#[tokio::test]
async fn twenty_large_blobs_finish_in_all_directions_with_one_slot_each() {
    let permits = permits(1);
    let (a, b) = (Arc::new(permits.register()), Arc::new(permits.register()));
    let (busy, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut transfers = tokio::task::JoinSet::new();
    for number in 0..20 {
        // From A to B, from B to A, and within A.
        let ends = [(&a, &b), (&b, &a), (&a, &a)][number % 3];
        let (from, to) = (Arc::clone(ends.0), Arc::clone(ends.1));
        let (busy, done) = (Arc::clone(&busy), Arc::clone(&done));
        transfers.spawn(async move {
            let permit = transfer(&from, &to, number as u32, 1 << 20).await;
            assert_eq!(busy.fetch_add(1, Ordering::SeqCst), 0, "A has one place");
            tokio::task::yield_now().await;
            busy.fetch_sub(1, Ordering::SeqCst);
            done.fetch_add(1, Ordering::SeqCst);
            drop(permit);
        });
    }
    let all = async { while transfers.join_next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), all).await.unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn half_of_the_slots_go_to_the_largest() {
    let permits = permits(2);
    let windows = permits.register();
    let first = transfer(&windows, &windows, 1, 10).await;
    let second = transfer(&windows, &windows, 2, 10).await;
    let mut old = Box::pin(transfer(&windows, &windows, 3, 10));
    let mut large = Box::pin(transfer(&windows, &windows, 9, 1000));
    assert!((&mut old).now_or_never().is_none() && (&mut large).now_or_never().is_none());
    // The first two were the only waiters, and one of them was admitted for its size.
    drop(first);
    let held = large.now_or_never().expect("the largest takes the place of the largest");
    assert!((&mut old).now_or_never().is_none());
    drop(second);
    assert!(old.now_or_never().is_some(), "the other half goes by age");
    drop(held);
}

#[tokio::test]
async fn with_one_slot_the_oldest_goes_first() {
    let permits = permits(1);
    let windows = permits.register();
    let first = transfer(&windows, &windows, 1, 10).await;
    let mut large = Box::pin(transfer(&windows, &windows, 9, 1000));
    let mut old = Box::pin(transfer(&windows, &windows, 3, 10));
    assert!((&mut large).now_or_never().is_none() && (&mut old).now_or_never().is_none());
    drop(first);
    assert!((&mut large).now_or_never().is_none());
    assert!(old.now_or_never().is_some());
}

#[tokio::test]
async fn huge_blobs_leave_half_of_the_slots_to_others() {
    let permits = permits(4);
    let windows = permits.register();
    let huge = |image| transfer(&windows, &windows, image, HUGE + 1);
    let _first = huge(1).await;
    let _second = huge(2).await;
    let third = huge(3).await;
    let fourth = huge(4).await;
    let mut fifth = Box::pin(huge(5));
    let mut small = Box::pin(transfer(&windows, &windows, 6, 1 << 20));
    assert!((&mut fifth).now_or_never().is_none() && (&mut small).now_or_never().is_none());
    drop(third);
    assert!((&mut fifth).now_or_never().is_none(), "two huge ones and one more are there");
    let _held = small.now_or_never().expect("another blob is ready");
    drop(fourth);
    assert!(fifth.now_or_never().is_some(), "no other blob is ready");
}

#[tokio::test]
async fn a_dropped_waiter_blocks_no_other() {
    let permits = permits(1);
    let windows = permits.register();
    let first = transfer(&windows, &windows, 1, 10).await;
    let mut gone = Box::pin(transfer(&windows, &windows, 2, 10));
    let mut next = Box::pin(transfer(&windows, &windows, 3, 10));
    assert!((&mut gone).now_or_never().is_none() && (&mut next).now_or_never().is_none());
    drop(gone);
    drop(first);
    assert!(next.now_or_never().is_some());
}

#[tokio::test]
async fn a_pause_is_waited_for_unless_it_is_too_long() {
    let permits = permits(1);
    let windows = permits.register();
    let pause = |pause| {
        let paused = windows.throttled(Class::ManifestGet, &[], Some(pause), Instant::now());
        paused.map(|paused| (paused.added.as_secs(), paused.is_new))
    };
    assert_eq!(pause(Duration::from_secs(60)), Ok((60, true)));
    let (added, is_new) = pause(Duration::from_secs(70)).unwrap();
    assert!((10..=11).contains(&added) && !is_new, "the rest was known: {added} s");
    assert_eq!(pause(Duration::from_secs(5)), Ok((0, false)));
    assert!(windows.enter(Class::Lookup).now_or_never().is_some(), "only that class is paused");
    let mut waiter = Box::pin(windows.enter(Class::ManifestGet));
    assert!((&mut waiter).now_or_never().is_none());
    let Err(GaveUp::RetryAt(time)) = pause(LONGEST * 2) else { panic!("it is waited for") };
    let closed = waiter.await.unwrap_err();
    assert_eq!(closed.reason, GaveUp::RetryAt(time));
    let later = windows.enter(Class::ManifestGet).now_or_never();
    assert!(later.is_some_and(|permit| permit.is_err()), "later requests do not wait either");
}

#[tokio::test]
async fn waiters_are_admitted_after_a_pause() {
    let permits = permits(1);
    let windows = permits.register();
    let asked = Some(Duration::from_millis(50));
    windows.throttled(Class::Lookup, &[Class::Large], asked, Instant::now()).unwrap();
    for class in [Class::Lookup, Class::Large] {
        let waiter = windows.enter(class);
        let soon = tokio::time::timeout(Duration::from_secs(10), waiter).await;
        assert!(soon.is_ok_and(|permit| permit.is_ok()), "{class:?} goes on");
    }
}

#[tokio::test]
async fn a_pause_of_another_process_holds_here_and_never_longer_than_max_wait() {
    let permits = Permits::new(2, Duration::from_millis(40));
    let windows = permits.register();
    windows.pause(&[Class::Lookup], Duration::from_secs(3600));
    assert!(windows.enter(Class::ManifestGet).now_or_never().is_some(), "it is another class");
    assert!(windows.enter(Class::Lookup).now_or_never().is_none());
    tokio::time::timeout(Duration::from_secs(10), windows.enter(Class::Lookup))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn windows_start_at_the_share_of_a_process() {
    let in_flight = async |processes: usize| {
        let windows = permits(usize::MAX).shared_by(processes).register();
        let mut held = Vec::new();
        while let Some(permit) = windows.enter(Class::Lookup).now_or_never() {
            held.push(permit.unwrap());
        }
        held.len()
    };
    let whole = in_flight(1).await;
    assert_eq!(in_flight(4).await, whole / 4);
    assert_eq!(in_flight(1000).await, 1);
}
