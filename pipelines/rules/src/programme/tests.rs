//! Stories of one programme: places in sessions, rooms that collide, snapshots that decide the same.
