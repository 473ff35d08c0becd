//! The floors of the workspace: a crate imports strictly lower floors only.

/// Every crate with its folder and floor, as drawn in `ARCHITECTURE.md`.
pub const FLOORS: &[(&str, &str, u8)] = &[
    ("records", "ingest", 0),
    ("dashboards", "", 0),
    ("eventlog", "ingest", 1),
    ("rules", "pipelines", 1),
    ("models", "ml", 1),
    ("workload", "benches", 1),
    ("collect", "ingest", 2),
    ("desk", "pipelines", 2),
    ("payments", "serving", 2),
    ("views", "storage", 2),
    ("warehouse", "storage", 2),
    ("dataflow", "pipelines", 3),
    ("api", "serving", 4),
    ("sim", "benches", 4),
    ("eventra", "serving", 5),
    ("fuzz", "benches", 5),
    ("load", "benches", 5),
    ("tidy", "benches", 5),
];

/// The folder and floor of a crate; none when nobody decided it.
pub fn place_of(name: &str) -> Option<(&'static str, u8)> {
    FLOORS.iter().find(|(known, ..)| *known == name).map(|(_, folder, floor)| (*folder, *floor))
}

/// One import that goes sideways or up, in words.
pub fn complaint(from: &str, to: &str) -> Option<String> {
    let (_, from_floor) = place_of(from)?;
    let (_, to_floor) = place_of(to)?;
    (to_floor >= from_floor).then(|| {
        format!(
            "`{from}` (floor {from_floor}) imports `{to}` (floor {to_floor}); imports go to lower floors only: \
             move the shared noun below both"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_go_down_only() {
        assert_eq!(complaint("dataflow", "views"), None);
        assert!(complaint("views", "dataflow").is_some());
        assert!(complaint("rules", "models").is_some());
    }
}
