//! Points within their daily caps, and the boards that rank them, by sorting everything.

use std::collections::{BTreeMap, BTreeSet};

use records::zone::Day;
use records::{EventId, Fact, FactRow, LeaderboardId, OrganizationId, Pos, RuleId, Text, Timestamp, Token};
use rules::points::{Scope, Trigger};
use views::leaderboards::{Board, Leaderboards as View};
use views::shards::Reader;
use views::state::Fold;

use super::{Differences, Row};

/// The first places that an archive keeps.
const ARCHIVED_PLACES: usize = 1_000;

/// Who got how much from which rule on which day: what caps count.
type CapKey = (OrganizationId, EventId, LeaderboardId, RuleId, Day, Token);

/// A participant's score, and when it was reached.
#[derive(Debug, Clone, Copy, Default)]
struct Score {
    points: i64,
    /// The number of the award that led to it: the smaller stands first among equals.
    reached: u64,
}

/// One board since its last reset.
#[derive(Debug, Clone, Default)]
struct Standing {
    track: Text,
    generation: u32,
    scores: BTreeMap<Token, Score>,
}

/// What a board held when it was reset.
#[derive(Debug, Clone)]
struct Archive {
    at: Timestamp,
    standing: Standing,
}

/// What awards that land as one have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AwardKey {
    /// The tenant.
    pub organization: OrganizationId,
    /// The leaderboard.
    pub leaderboard: LeaderboardId,
    /// How often it had been reset.
    pub generation: u32,
    /// The event; none outside any.
    pub event: EventId,
    /// The track; none outside any.
    pub track: Text,
    /// The calendar day in the event's zone.
    pub day: Day,
    /// The rule that gave the points.
    pub rule: RuleId,
    /// The boards that it is on.
    pub scopes: Vec<Scope>,
    /// Who got them.
    pub participant: Token,
}

/// Every board, recomputed.
#[derive(Debug, Default)]
pub struct Leaderboards {
    resets: BTreeMap<(OrganizationId, LeaderboardId), u32>,
    // Points and how many awards.
    awarded: BTreeMap<AwardKey, (i64, i64)>,
    used: BTreeMap<CapKey, u64>,
    boards: BTreeMap<Board, Standing>,
    archives: BTreeMap<Board, Vec<Archive>>,
    awards: u64,
}

impl Leaderboards {
    /// `ranks` is whether the boards take it too, or only the caps and what lands.
    pub(crate) fn take(&mut self, row: &Row<'_>, ranks: bool) {
        let record = row.record;
        let Some(tenant) = row.book.tenant(record.organization) else { return };
        if !record.actor.is_some() {
            return;
        }
        let track = track(row);
        let day = tenant.zone_of(record.event).day(record.event_time);
        let trigger = Trigger { kind: record.kind, name: &record.name, category: &track };
        for (_, leaderboard, rule) in tenant.rules.points.awards(trigger) {
            let id = leaderboard.leaderboard;
            let mut points = rule.points;
            if rule.daily_cap.is_some() {
                let key = (record.organization, record.event, id, rule.rule, day, record.actor);
                let used = self.used.entry(key).or_default();
                points = rule.grant(*used);
                *used += points.unsigned_abs();
            }
            if points == 0 {
                continue;
            }
            let mut scopes = Vec::new();
            let (organization, event) = (record.organization, record.event);
            let generation = self.resets.get(&(organization, id)).copied().unwrap_or(0);
            for scope in Scope::ALL.into_iter().filter(|scope| leaderboard.scopes.contains(scope)) {
                let board = match scope {
                    Scope::Event if event.is_some() => Board::event(organization, id, event),
                    Scope::Track if event.is_some() && track.is_some() => Board::track(organization, id, event, &track),
                    Scope::Day => Board::day(organization, id, event, day),
                    Scope::AllTime => Board::all_time(organization, id),
                    Scope::Event | Scope::Track => continue,
                };
                scopes.push(scope);
                if ranks {
                    self.award(board, &track, generation, record.actor, points);
                }
            }
            if !scopes.is_empty() {
                let (rule, participant, track) = (rule.rule, record.actor, track.clone());
                let key = AwardKey {
                    organization,
                    leaderboard: id,
                    generation,
                    event,
                    track,
                    day,
                    rule,
                    scopes,
                    participant,
                };
                let sums = self.awarded.entry(key).or_default();
                *sums = (sums.0 + points, sums.1 + 1);
            }
        }
    }

    fn award(&mut self, board: Board, track: &Text, generation: u32, participant: Token, points: i64) {
        self.awards += 1;
        let standing = self.boards.entry(board).or_insert_with(|| Standing { generation, ..Standing::default() });
        if board.scope == Scope::Track {
            standing.track = track.clone();
        }
        let score = standing.scores.entry(participant).or_default();
        *score = Score { points: score.points.saturating_add(points), reached: self.awards };
    }

    /// `ranks` is whether the boards take it too, or only the generation that later awards name.
    pub(crate) fn fact(&mut self, pos: Pos, row: &FactRow, ranks: bool) {
        let Some(Fact::LeaderboardReset { leaderboard }) = row.known() else { return };
        *self.resets.entry((row.organization, *leaderboard)).or_default() += 1;
        if !ranks {
            return;
        }
        let named = |board: &Board| board.organization == row.organization && board.leaderboard == *leaderboard;
        for (board, standing) in self.boards.iter_mut().filter(|(board, _)| named(board)) {
            let generation = standing.generation + 1;
            if standing.scores.is_empty() {
                standing.generation = generation;
                continue;
            }
            let next = Standing { track: standing.track.clone(), generation, ..Standing::default() };
            let old = std::mem::replace(standing, next);
            self.archives.entry(*board).or_default().push(Archive { at: pos.log_time, standing: old });
        }
    }

    /// Points and number of all awards: what the landed rows add up to.
    pub fn awards(&self) -> &BTreeMap<AwardKey, (i64, i64)> {
        &self.awarded
    }

    /// How many places there are on all boards, archived ones included, and the sum of their scores.
    pub fn places(&self) -> (u64, i64) {
        let archived = self.archives.values().flatten().map(|archive| &archive.standing);
        self.boards.values().chain(archived).fold((0, 0), |(places, points), standing| {
            let scores = standing.scores.values().map(|score| score.points);
            (places + standing.scores.len() as u64, points + scores.sum::<i64>())
        })
    }

    /// Compares every place of every board, and what was archived.
    pub fn compare(&self, reader: &Reader<View>) -> Differences {
        let mut differences = Differences::new(View::NAME);
        let organizations: BTreeSet<OrganizationId> = self.boards.keys().map(|board| board.organization).collect();
        let mut shown = BTreeMap::new();
        let mut archived = BTreeMap::new();
        reader.scan(|_, bin| {
            for (board, info) in organizations.iter().flat_map(|organization| bin.boards(*organization)) {
                shown.insert(board, (info.generation, all_places(bin, &board, info.participants)));
                let list = bin.archived(&board);
                let answers = list.iter().rev().map(|one| {
                    let places: Vec<_> = one.places.iter().map(|place| (place.participant, place.score)).collect();
                    (one.at, one.board.participants, one.points, places)
                });
                archived.insert(board, answers.collect::<Vec<_>>());
            }
        });
        for (board, standing) in &self.boards {
            let (generation, places) = shown.remove(board).unwrap_or_default();
            differences.same(|| format!("{board:?} generation"), &generation, &standing.generation);
            let ranked = standing.ranked();
            differences.same(|| format!("{board:?} participants"), &places.len(), &ranked.len());
            for (rank, (view, twin)) in (1..).zip(places.iter().zip(&ranked)) {
                differences.same(|| format!("{board:?} rank {rank}"), view, twin);
            }
            let twin: Vec<_> = self.archives.get(board).into_iter().flatten().map(Archive::answer).collect();
            differences.same(|| format!("{board:?} archives"), &archived.remove(board).unwrap_or_default(), &twin);
        }
        let surplus: Vec<_> = shown.keys().collect();
        differences.same(|| "boards that nobody has points on".into(), &surplus, &Vec::new());
        differences
    }
}

impl Standing {
    /// Highest first; among equals, whoever reached the score first.
    fn ranked(&self) -> Vec<(Token, i64)> {
        let mut all: Vec<_> = self.scores.iter().collect();
        all.sort_by_key(|(_, score)| (std::cmp::Reverse(score.points), score.reached));
        all.into_iter().map(|(participant, score)| (*participant, score.points)).collect()
    }
}

impl Archive {
    fn answer(&self) -> (Timestamp, u64, i64, Vec<(Token, i64)>) {
        let mut ranked = self.standing.ranked();
        let points = ranked.iter().fold(0, |sum: i64, (_, points)| sum.saturating_add(*points));
        let participants = ranked.len() as u64;
        ranked.truncate(ARCHIVED_PLACES);
        (self.at, participants, points, ranked)
    }
}

/// Reads a whole board, as many places at a time as an answer holds, and asks for one rank in each piece.
fn all_places(bin: &View, board: &Board, participants: u64) -> Vec<(Token, i64)> {
    let mut places = Vec::new();
    while (places.len() as u64) < participants {
        let top = bin.top(board, places.len() as u64, ARCHIVED_PLACES).map(|top| top.places).unwrap_or_default();
        let Some(first) = top.first() else { break };
        // The way from a participant to its rank is another one than from a rank to its participant.
        let rank = bin.place(board, first.participant, 0).map(|found| found.place.rank);
        if rank != Some(first.rank) || first.rank != places.len() as u64 + 1 {
            break;
        }
        places.extend(top.iter().map(|place| (place.participant, place.score)));
    }
    places
}

/// The record's category, or the track of its session as it is listed.
pub(super) fn track(row: &Row<'_>) -> Text {
    let record = row.record;
    if record.category.is_some() {
        return record.category.clone();
    }
    let listed = row.book.tenant(record.organization).and_then(|tenant| {
        let item = tenant.item_of_session(record.event, record.session)?;
        Some(tenant.item(record.event, item)?.track.clone())
    });
    listed.unwrap_or_default()
}
