//! Routes happenings that the points rules reward to their participants' caps; awards go on to the leaderboards.

use std::sync::Arc;

use hashbrown::HashMap;
use records::hash::FixedState;
use records::zone::Day;
use records::{EventId, OrganizationId, SessionId, Text};
use rules::Tenant;
use rules::points::Trigger;
use views::points::{Context, Input, Reward};

use crate::frame::{Emit, Sequenced};

/// Sends one input for each record and rule that it triggers. Late records count as any other: points are for what
/// somebody did, whenever we hear of it.
pub fn route(frame: &Sequenced, emit: &mut Emit<Input>) {
    let Some(batch) = frame.batch() else { return };
    let mut tenant: (OrganizationId, Option<&Arc<Tenant>>) = (OrganizationId::NONE, None);
    let mut rewards = Rewards::default();
    for row in frame.rows() {
        let at = row as usize;
        let organization = batch.organization(at);
        if organization != tenant.0 {
            tenant = (organization, frame.rulebook.tenant(organization));
            rewards.clear();
        }
        let Some(known) = tenant.1.filter(|known| known.rules.points.hears(batch.kind(at))) else { continue };
        let participant = batch.actor(at);
        if !participant.is_some() {
            continue;
        }
        let (event, name) = (batch.event(at), batch.name(at));
        let track = track(known, event, batch.session(at), batch.category(at));
        let day = known.zone_of(event).day(batch.event_time(at));
        let trigger = Trigger { kind: batch.kind(at), name: &name, category: &track };
        let hash = Input::hash(organization, event, participant);
        let same = rewards.entry((event, day, track.clone())).or_default();
        same.resize(known.rules.points.count(), None);
        for (number, leaderboard, rule) in known.rules.points.awards(trigger) {
            let reward = same[number].get_or_insert_with(|| {
                let (leaderboard, scopes) = (leaderboard.leaderboard, &leaderboard.scopes);
                let context = Context { organization, event, leaderboard, rule: rule.rule, day };
                let reward = Reward::new(context, rule.points, rule.daily_cap);
                reward.on(scopes, &track, known.generation(leaderboard)).into()
            });
            emit.to(hash, row, Input { participant, reward: Arc::clone(reward) });
        }
    }
}

/// The rewards of one tenant that a frame has met: by event, day and track, then by the number of the rule. Most records
/// of a frame share a few.
type Rewards = HashMap<(EventId, Day, Text), Vec<Option<Arc<Reward>>>, FixedState>;

/// The record's own category, or the track of its session.
pub(super) fn track(tenant: &Tenant, event: EventId, session: SessionId, category: Text) -> Text {
    if category.is_some() || !session.is_some() {
        return category;
    }
    let item = tenant.item_of_session(event, session).and_then(|item| tenant.item(event, item));
    item.map_or(Text::NONE, |item| item.track.clone())
}

#[cfg(test)]
mod tests {
    use records::{Batch, Fact, FactRow, ItemId, Kind, LeaderboardId, Record, RuleId, Timestamp, Token, Zone};
    use rules::Rulebook;

    use super::*;

    const ACME: OrganizationId = OrganizationId(1);
    const EVENT: EventId = EventId(2);
    const TALK: SessionId = SessionId(3);

    fn book() -> Arc<Rulebook> {
        let document = serde_json::json!({"format": 1, "leaderboards": [{"leaderboard": "engagement", "points": [
            {"rule": "join", "kind": "session_joined", "points": 10, "daily_cap": 50},
            {"rule": "rust", "kind": "session_joined", "category": "rust", "points": 1},
            {"rule": "quiz", "kind": "tracked", "name": "quiz_won", "points": 25},
        ]}]});
        let scheduled = Fact::EventScheduled {
            event: EVENT,
            title: "Conf".into(),
            zone: Zone::parse("Asia/Tokyo").unwrap(),
            starts: Timestamp(0),
            ends: Timestamp(1),
        };
        let listed = Fact::ItemListed {
            event: EVENT,
            item: ItemId(9),
            session: TALK,
            title: "Talk".into(),
            track: "rust".into(),
            starts: None,
            ends: None,
            capacity: None,
        };
        let mut book = Rulebook::default();
        for fact in [scheduled, listed, Fact::RulesPublished { document: Arc::new(document) }] {
            book.apply(&FactRow::new(ACME, Timestamp(0), fact));
        }
        Arc::new(book)
    }

    fn record(kind: Kind) -> Record {
        // 23:00 in London is the next day in Tokyo.
        let event_time = Timestamp::parse("2026-11-20T23:00:00Z").unwrap();
        Record { organization: ACME, event: EVENT, actor: Token(5), event_time, ..Record::new(kind) }
    }

    fn routed(records: &[Record]) -> Vec<Input> {
        let mut emit = Emit::default();
        route(&Sequenced::of_batch(Batch::from_records(records), Timestamp(5), book()), &mut emit);
        emit.sent().map(|(_, _, input)| input.clone()).collect()
    }

    #[test]
    fn a_join_counts_for_its_sessions_track_and_local_day() {
        let inputs = routed(&[Record { session: TALK, ..record(Kind::SessionJoined) }]);
        let rules: Vec<_> = inputs.iter().map(|input| input.reward.context.rule).collect();
        assert_eq!(rules, [RuleId::parse("join").unwrap(), RuleId::parse("rust").unwrap()]);
        let reward = &inputs[0].reward;
        assert_eq!((reward.daily_cap, reward.context.day.date()), (Some(50), "2026-11-21".to_owned()));
        let tracks: Vec<&str> = reward.boards.iter().map(|(_, named)| named.track.as_str()).collect();
        assert_eq!(tracks, ["", "rust", "", ""]);
    }

    #[test]
    fn awards_after_a_reset_are_of_the_next_generation() {
        let mut book = book();
        let reset = Fact::LeaderboardReset { leaderboard: LeaderboardId::parse("engagement").unwrap() };
        Arc::make_mut(&mut book).apply(&FactRow::new(ACME, Timestamp(0), reset));
        let mut emit = Emit::default();
        let batch = Batch::from_records(&[record(Kind::SessionJoined)]);
        route(&Sequenced::of_batch(batch, Timestamp(5), book), &mut emit);
        let rewards: Vec<_> = emit.sent().map(|(_, _, input)| Arc::clone(&input.reward)).collect();
        assert_eq!(rewards.iter().map(|reward| reward.generation).collect::<Vec<_>>(), [1]);
        assert!(rewards[0].boards.iter().all(|(_, named)| named.generation == 1));
    }

    #[test]
    fn nobody_gets_nothing_and_names_are_matched() {
        let nobody = Record { actor: Token::NONE, ..record(Kind::SessionJoined) };
        let elsewhere = Record { organization: OrganizationId(8), ..record(Kind::SessionJoined) };
        let won = Record { name: "quiz_won".into(), ..record(Kind::Track) };
        let lost = Record { name: "quiz_lost".into(), ..record(Kind::Track) };
        let inputs = routed(&[nobody, elsewhere, won, lost, record(Kind::Page)]);
        assert_eq!(inputs.iter().map(|input| input.reward.points).collect::<Vec<_>>(), [25]);
    }
}
