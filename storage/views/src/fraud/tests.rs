//! Signals and scores against naive recounts, and the laws.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use records::{Kind, OrganizationId, Pos, RuleId, Timestamp, Token};
use rules::fraud::{ABSENT, FraudPlan, FraudRule, FraudRules};
use rules::signal::{Entity, Measure, Signal};
use rules::window::{TICK_SECONDS, tick};

use super::*;
use crate::laws;

const ACME: OrganizationId = OrganizationId(1);

fn plan(conditions: &[&str]) -> Arc<FraudPlan> {
    let rules = conditions.iter().map(|text| FraudRule {
        id: RuleId::parse(&text[..text.len().min(14)]).unwrap(),
        on: Vec::new(),
        all: vec![text.parse().unwrap()],
        any: Vec::new(),
        weight: 400,
        reason: format!("because {text}"),
    });
    Arc::new(FraudPlan::new(3, &FraudRules { high: 500, rules: rules.collect() }))
}

fn scored(number: u64, account: u64, plan: &Arc<FraudPlan>, parts: u8) -> Arc<Scored> {
    Arc::new(Scored {
        organization: ACME,
        pos: Pos { offset: number, ..Pos::default() },
        kind: Kind::OrderReported,
        record: u128::from(number) + 1,
        actor: Token(account),
        account: Token(account),
        event_time: Timestamp::from_seconds(1_000_000),
        late: number.is_multiple_of(3),
        parts,
        values: vec![ABSENT; plan.signals.len()],
        plan: Arc::clone(plan),
    })
}

#[derive(Debug, Clone)]
struct Step {
    gap: i64,
    late: i64,
    account: u64,
    device: u64,
    amount: i64,
    kind: Kind,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kinds = prop::sample::select(vec![Kind::OrderReported, Kind::RegistrationReported, Kind::AdClicked]);
    let step = (0i64..900, 0i64..3, 1u64..5, 1u64..4, -50i64..500, kinds);
    let step = step.prop_map(|(gap, late, account, device, amount, kind)| Step {
        gap,
        late: if late == 0 { gap * 40 } else { 0 },
        account,
        device,
        amount,
        kind,
    });
    proptest::collection::vec(step, 1..50)
}

const ASKED: [&str; 6] = [
    "accounts_on_device_1h >= 2",
    "amount_on_device_24h >= 900",
    "orders_on_device_10m >= 2",
    "orders_by_account_7d >= 4",
    "devices_by_account_24h >= 3",
    "device_known_s <= 60",
];

/// The inputs that the router makes of the steps, both entities of each.
fn touches(steps: &[Step], plan: &Arc<FraudPlan>) -> Vec<SignalInput> {
    let mut now = 1_700_000_000;
    let mut inputs = Vec::new();
    for (number, step) in (0..).zip(steps) {
        now += step.gap;
        let scored = scored(number, step.account, plan, 2);
        for (entity, token) in [(Entity::Account, step.account), (Entity::Device, step.device)] {
            inputs.push(SignalInput::Touch(Box::new(Touch {
                organization: ACME,
                entity,
                token: Token(token),
                kind: step.kind,
                time: Timestamp::from_seconds(now - step.late),
                amount: step.amount,
                others: [Token(step.account), Token(step.device), Token::NONE, Token::NONE],
                needs: plan.needs[entity as usize],
                links: entity == Entity::Device,
                counts: true,
                scored: Some(Arc::clone(&scored)),
            })));
        }
    }
    inputs
}

/// A signal of an entity, recounted from everything that touched it so far.
fn recount(past: &[&Touch], signal: Signal) -> i64 {
    let clock = past.iter().map(|touch| tick(touch.time)).max().unwrap();
    let Signal::Velocity { measure, window, .. } = signal else {
        let first = past.iter().map(|touch| tick(touch.time)).min().unwrap();
        return i64::from(clock - first) * TICK_SECONDS;
    };
    let inside: Vec<_> = past.iter().filter(|touch| window.floor(tick(touch.time)) >= window.start(clock)).collect();
    let of = |kind: Kind| inside.iter().filter(|touch| touch.kind == kind).count() as i64;
    match measure {
        Measure::Orders => of(Kind::OrderReported),
        Measure::Amount => {
            inside.iter().filter(|touch| touch.kind == Kind::OrderReported).map(|touch| touch.amount).sum()
        }
        other => {
            let entity = other.counted().expect("only distincts are left");
            inside.iter().map(|touch| touch.others[entity as usize]).collect::<BTreeSet<_>>().len() as i64
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn signals_equal_a_recount(steps in steps(), chance: u64) {
        let plan = plan(&ASKED);
        let inputs = touches(&steps, &plan);
        let log = laws::log(Timestamp(0), inputs.iter().cloned().map(|input| (1, input)));
        let ask = |fold: &Signals| {
            let keys = (1..5).flat_map(|token| {
                [Entity::Account, Entity::Device].map(|entity| EntityKey { organization: ACME, entity, token: Token(token) })
            });
            keys.map(|key| fold.entity(key)).collect::<Vec<_>>()
        };
        laws::check::<Signals, _, _>(&log, chance, ask, |rows| rows.len());

        let (mut fold, mut effects) = (Signals::default(), crate::state::Effects::default());
        for (at, input) in &log {
            crate::state::Fold::apply(&mut fold, *at, input, &mut effects);
        }
        let mut past = BTreeMap::<(Entity, Token), Vec<&Touch>>::new();
        for (input, (_, output)) in inputs.iter().zip(&effects.next) {
            let (SignalInput::Touch(touch), SignalOutput::Part(part)) = (input, output) else { panic!("not a part") };
            let past = past.entry((touch.entity, touch.token)).or_default();
            past.push(touch);
            prop_assert_eq!(part.values.len(), plan.asked_of(touch.entity).count());
            for (slot, value) in &part.values {
                prop_assert_eq!(*value, recount(past, plan.signals[usize::from(*slot)]));
            }
        }
    }

    #[test]
    fn scores_do_not_depend_on_how_parts_arrive(
        parts in proptest::collection::vec((0i64..6, 0i64..6, 1u64..6, 0u64..6, any::<bool>()), 1..40),
        chance: u64,
    ) {
        let plan = plan(&["accounts_on_device_1h >= 3", "orders_by_account_1h >= 4", "ring_accounts >= 3"]);
        let (mut outputs, mut twin) = (Vec::new(), Vec::new());
        let mut label: BTreeMap<u64, u64> = (1..6).map(|account| (account, account)).collect();
        for (number, (device, account, who, other, turned)) in (0..).zip(parts) {
            let scored = scored(number, who, &plan, 2);
            let link = (other != 0 && other != who).then_some(Token(other));
            if let Some(Token(other)) = link {
                let (from, to) = (label[&other], label[&who]);
                label.values_mut().filter(|value| **value == from).for_each(|value| *value = to);
            }
            let ring = label.values().filter(|value| **value == label[&who]).count();
            twin.push(400 * (u16::from(device >= 3) + u16::from(account >= 4) + u16::from(ring >= 3)));
            let mut pair = vec![
                SignalOutput::Part(Part { scored: Arc::clone(&scored), values: vec![(0, device)], link }),
                SignalOutput::Part(Part { scored, values: vec![(1, account)], link: None }),
            ];
            if turned {
                pair.reverse();
            }
            outputs.extend(pair);
        }
        let log = laws::log(Timestamp(0), outputs.into_iter().map(|output| (1, output)));
        let ask = |fold: &Scores| {
            let scores = (1..45u128).map(|record| fold.score(ScoreKey { organization: ACME, record }).cloned());
            let rings: Vec<_> = (1..6).map(|account| fold.ring(ACME, Token(account))).collect();
            (scores.collect::<Vec<_>>(), fold.overview(ACME, 9), rings)
        };
        let told = |rows: &[FraudScoreRow]| rows.iter().map(|row| (*row.score).clone()).collect::<Vec<_>>();
        laws::check::<Scores, _, _>(&log, chance, ask, told);
        let (fold, run) = laws::whole::<Scores>(&log);
        let found: Vec<u16> = run.landed.iter().map(|row| row.score.score).collect();
        let capped: Vec<u16> = twin.iter().map(|score| (*score).min(1_000)).collect();
        prop_assert_eq!(&found, &capped);
        let overview = fold.overview(ACME, 1_000).unwrap();
        prop_assert_eq!(overview.high, capped.iter().filter(|score| **score >= 500).count() as u64);
        let fired: u64 = overview.fired.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(fired, twin.iter().map(|score| u64::from(*score / 400)).sum::<u64>());
    }
}

#[test]
fn a_record_that_names_nobody_is_scored_all_the_same() {
    let plan = plan(&["quantity >= 9"]);
    let mut record = (*scored(1, 0, &plan, 0)).clone();
    record.values = vec![10];
    let log = laws::log(Timestamp(0), [(1, SignalInput::Bare(Arc::new(record)))]);
    let (_, run) = laws::whole::<Signals>(&log);
    let output: SignalOutput = serde_json::from_slice(&run.next[0].1).unwrap();
    let (scores, _) = laws::whole::<Scores>(&laws::log(Timestamp(0), [(1, output)]));
    assert_eq!(scores.score(ScoreKey { organization: ACME, record: 2 }).unwrap().score, 400);
}

#[test]
fn an_entity_keeps_few_bytes() {
    // A busy person or device: orders and clicks over days, two of everything.
    let plan = plan(&ASKED);
    let mut steps = Vec::new();
    for number in 0..8u64 {
        let kind = if number % 2 == 0 { Kind::OrderReported } else { Kind::AdClicked };
        steps.push(Step { gap: 40_000, late: 0, account: 1 + number / 4, device: 1 + number % 2, amount: 5, kind });
    }
    let log = laws::log(Timestamp(0), touches(&steps, &plan).into_iter().map(|input| (1, input)));
    let (fold, _) = laws::whole::<Signals>(&log);
    let bytes = fold.bytes() / crate::state::Fold::len(&fold);
    assert!((100..=400).contains(&bytes), "{bytes} bytes an entity");
}
