//! The bytes of the views' states.

use std::collections::BTreeMap;

use records::hash;
use views::shards::Reader;
use views::state::Fold;

use crate::poison::{Brittle, Views};

/// The hash of every view's state, by name.
pub(crate) fn hashes(views: &Views) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        hash_of(&views.windows),
        hash_of(&views.points),
        hash_of(&views.leaderboards),
        hash_of(&views.campaigns),
        hash_of(&views.signals),
        hash_of(&views.scores),
        hash_of(&views.attendance),
        hash_of(&views.visits),
        hash_of(&views.funnels),
        hash_of(&views.trending),
        hash_of(&views.recommend),
        hash_of(&views.segments),
        hash_of(&views.revenue),
        hash_of(&views.audience),
    ])
}

fn hash_of<F: Fold, const VIEW: u8>(reader: &Reader<Brittle<F, VIEW>>) -> (&'static str, u64) {
    let mut hash = 0;
    let mut bytes = Vec::new();
    reader.scan(|bin, fold| {
        bytes.clear();
        fold.plain().encode(&mut bytes);
        hash = hash::join(hash::join(hash, u64::from(bin)), hash::bytes(&bytes));
    });
    (F::NAME, hash)
}
