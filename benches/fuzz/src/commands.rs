//! What the desk reads back: the state of its domains, and its snapshots.

use rules::{Domain as _, Domains};

use crate::seeds;

fn encoded(domains: &Domains) -> Vec<u8> {
    let mut bytes = Vec::new();
    domains.encode(&mut bytes);
    bytes
}

/// What is read as a state is written in one way, and reads back as the same.
pub(crate) fn domains(bytes: &[u8]) {
    let Ok(domains) = Domains::decode(bytes) else { return };
    let written = encoded(&domains);
    let again = Domains::decode(&written).expect("what was written can be read");
    assert_eq!(encoded(&again), written, "a state is written in one way");
}

/// Any bytes under a checksum that fits: a seat opens over them, from them or from its log, and what it saves it reads back.
pub(crate) fn desk_snapshot(bytes: &[u8]) {
    let mut file = bytes.to_vec();
    file.extend(crc32c::crc32c(bytes).to_le_bytes());
    let desk = seeds::Desk::new();
    desk.put(&file);
    let seat = desk.seat();
    let state = seat.ask(encoded).expect("an empty log has a state");
    drop(seat);
    let again = desk.seat().ask(encoded);
    assert_eq!(again.as_ref(), Some(&state), "the same snapshot is the same state");
}
