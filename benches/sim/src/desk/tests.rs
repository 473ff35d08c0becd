//! Each checker sees what is broken on purpose, within a few seeds.

use super::bent::{Bent, rule};
use super::*;

/// Seeds that are tried: what is broken is seen in most of them.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;

/// What the first seeds that fail say.
fn complaints<D: Rules>(bend: Bend) -> Vec<String> {
    SEEDS.filter_map(|seed| bent::<D>(seed, &Size::usual(), bend).err()).collect()
}

/// Each complaint is one of those that the fault may show as, and there is one.
fn check<D: Rules>(bend: Bend, words: &[&str]) {
    let complaints = complaints::<D>(bend);
    assert!(!complaints.is_empty(), "{bend:?} is not noticed");
    for complaint in complaints {
        assert!(words.iter().any(|word| complaint.contains(word)), "{bend:?}: {complaint}");
    }
}

const LOG: &[&str] =
    &["the rules decide", "is in the log twice", "the log has", "not what its log says", "was answered"];

#[test]
fn two_writers_without_a_fence_are_noticed() {
    check::<Domains>(Bend::NoFence, LOG);
}

#[test]
fn a_command_that_is_done_twice_is_noticed() {
    check::<Domains>(Bend::ForgetsIds, &["is in the log twice", "was answered"]);
}

#[test]
fn an_answer_before_its_facts_are_durable_is_noticed() {
    check::<Domains>(Bend::Hasty, &["was answered", "the rules decide", "not what its log says", "no state that"]);
}

#[test]
fn a_read_model_that_misses_a_fact_is_noticed() {
    check::<Domains>(Bend::Deaf, &["the read models of a process"]);
}

#[test]
fn an_organization_without_an_organizer_is_noticed() {
    check::<Bent<{ rule::ORGANIZERS }>>(Bend::None, &["no office decides MembershipEnded"]);
}

#[test]
fn a_link_that_works_twice_is_noticed() {
    check::<Bent<{ rule::LINKS }>>(Bend::None, &["no accounts decide LoginOpened"]);
}

#[test]
fn a_refusal_without_a_reason_is_noticed() {
    check::<Bent<{ rule::MOOD }>>(Bend::None, &["no state that its writer", "the rules decide"]);
}

#[test]
fn a_state_that_leaves_facts_out_is_noticed() {
    check::<Bent<{ rule::STATE }>>(Bend::None, &["not what its log says"]);
}

#[test]
fn a_snapshot_that_holds_less_is_noticed() {
    let words = ["not what its log says", "the rules decide", "was answered", "no state that"];
    check::<Bent<{ rule::SNAPSHOT }>>(Bend::None, &words);
}
