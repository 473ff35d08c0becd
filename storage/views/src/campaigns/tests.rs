//! Campaign counts against a naive recount, and the laws.

use std::collections::BTreeMap;

use proptest::prelude::*;
use records::{CampaignId, OrganizationId, Span, Timestamp};
use rules::{Lateness, Length, Policy};

use super::*;
use crate::laws;
use crate::state::{At, Effects, Fold};

const ACME: OrganizationId = OrganizationId(1);

fn counted(campaign: u128, window: i64, counts: [u64; 5]) -> Counted {
    let [served, viewed, clicked, late_excluded, late_counted] = counts;
    let counts = Counts { served, viewed, clicked, late_excluded, late_counted };
    let window = Timestamp::from_seconds(window * 10);
    Counted { organization: ACME, campaign: CampaignId(campaign), window, counts }
}

fn key(campaign: u128) -> CampaignKey {
    CampaignKey { organization: ACME, campaign: CampaignId(campaign) }
}

fn sums(rows: &[CampaignCountRow]) -> BTreeMap<(u128, i64), [u64; 5]> {
    let mut sums = BTreeMap::<(u128, i64), [u64; 5]>::new();
    for row in rows {
        let counts = row.added;
        let sum = sums.entry((row.campaign.0, row.window.0)).or_default();
        let added = [counts.served, counts.viewed, counts.clicked, counts.late_excluded, counts.late_counted];
        sum.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn counts_equal_a_recount(
        inputs in proptest::collection::vec((0u128..4, -3i64..6, proptest::array::uniform5(0u64..3)), 1..80),
        chance: u64,
    ) {
        let inputs: Vec<Counted> =
            inputs.into_iter().map(|(campaign, window, counts)| counted(campaign, window, counts)).collect();
        let log = laws::log(Timestamp(0), inputs.iter().cloned().map(|input| (1, input)));
        let everything = |fold: &Campaigns| {
            let list: Vec<_> = fold.of(ACME).collect();
            let windows = list.iter().map(|key| fold.windows(*key, Timestamp::MIN, Timestamp::MAX));
            list.iter().copied().zip(windows).collect::<Vec<_>>()
        };
        laws::check::<Campaigns, _, _>(&log, chance, everything, sums);

        let mut twin = BTreeMap::<(u128, i64), [u64; 5]>::new();
        for input in &inputs {
            let c = input.counts;
            let sum = twin.entry((input.campaign.0, input.window.0)).or_default();
            let added = [c.served, c.viewed, c.clicked, c.late_excluded, c.late_counted];
            sum.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
        }
        let (fold, run) = laws::whole::<Campaigns>(&log);
        prop_assert_eq!(&sums(&run.landed), &twin);
        for ((campaign, window), sum) in twin {
            let found = fold.windows(key(campaign), Timestamp(window), Timestamp(window + 1));
            let c = found[0].counts;
            prop_assert_eq!([c.served, c.viewed, c.clicked, c.late_excluded, c.late_counted], sum);
        }
    }
}

#[test]
fn old_windows_leave_the_view_but_not_the_total() {
    let mut fold = Campaigns::default();
    let mut effects = Effects::default();
    let more = WINDOWS_MAX as i64 + 5;
    let inputs = (0..more).chain([2]).map(|window| (1, counted(1, window, [1, 0, 0, 0, 0])));
    for (at, input) in laws::log(Timestamp(0), inputs) {
        fold.apply(At { ..at }, &input, &mut effects);
    }
    let live = fold.windows(key(1), Timestamp::MIN, Timestamp::MAX);
    assert_eq!((live.len(), live[0].window), (WINDOWS_MAX, Timestamp::from_seconds(50)));
    assert_eq!(fold.total(key(1)).served, more as u64 + 1);
    let mut rows = Vec::new();
    fold.land(&mut rows);
    assert_eq!(rows.iter().map(|row| row.added.served).sum::<u64>(), more as u64 + 1);
}

#[test]
fn random_campaign_ids_cannot_grow_a_bin_without_end() {
    let mut fold = Campaigns::default();
    let mut effects = Effects::default();
    let inputs = (0..CAMPAIGNS_PER_BIN_MAX as u128 + 3).map(|id| (1, counted(id, 0, [0, 1, 0, 0, 0])));
    for (at, input) in laws::log(Timestamp(0), inputs) {
        fold.apply(at, &input, &mut effects);
    }
    assert_eq!((fold.len(), fold.refused().viewed), (CAMPAIGNS_PER_BIN_MAX, 3));
}

#[test]
fn a_window_is_final_after_its_end_and_the_bound() {
    let lateness = Lateness { bound: Length(Span::from_seconds(5)), policy: Policy::Exclude };
    let window = Timestamp::from_seconds(100);
    assert!(!is_final(window, Timestamp::from_millis(114_999), lateness));
    assert!(is_final(window, Timestamp::from_seconds(115), lateness));
    assert!(!is_final(window, Timestamp::MAX, Lateness::CORRECT));
}
