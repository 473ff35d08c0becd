//! Bounds of analysts' questions, and the settings that they may change.

use std::fmt::Write as _;

/// The bounds of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// Time, seconds.
    pub seconds: u64,
    /// Rows of an answer.
    pub result_rows: u64,
    /// Bytes of an answer, before they are written in a format.
    pub result_bytes: u64,
    /// Threads.
    pub threads: u64,
}

impl Limits {
    /// The bounds for an engine with this much memory: a quarter of it for one question, so that landing and others go on.
    pub fn for_engine(memory_bytes: u64) -> Self {
        Self {
            memory_bytes: memory_bytes / 4,
            // As long as a person waits for a chart, and the least that proxies wait.
            seconds: 30,
            // A Parquet file of a million rows is some 50 MB.
            result_rows: 1_000_000,
            result_bytes: 512 << 20,
            threads: 2,
        }
    }
}

/// A setting that a question may change, and in which bounds.
struct Changeable {
    name: &'static str,
    // Zero means "no bound" to the engine, so the least is one.
    most: Option<u64>,
}

/// Those with bounds; the most is the installation's.
fn bounded(limits: &Limits) -> [Changeable; 5] {
    let bounded = |name, most| Changeable { name, most: Some(most) };
    [
        bounded("max_execution_time", limits.seconds),
        bounded("max_memory_usage", limits.memory_bytes),
        bounded("max_result_bytes", limits.result_bytes),
        bounded("max_result_rows", limits.result_rows),
        bounded("max_threads", limits.threads),
    ]
}

const BOUNDED: [&str; 5] =
    ["max_execution_time", "max_memory_usage", "max_result_bytes", "max_result_rows", "max_threads"];

/// Those that change how answers are written, or make a question smaller. In lower case, sorted.
const FREE: &[&str] = &[
    "any_join_distinct_right_table_keys",
    "asterisk_include_alias_columns",
    "cancel_http_readonly_queries_on_client_close",
    "cast_keep_nullable",
    "count_distinct_implementation",
    "data_type_default_nullable",
    "date_time_input_format",
    "date_time_output_format",
    "decimal_check_overflow",
    "empty_result_for_aggregation_by_empty_set",
    "enable_http_compression",
    "extremes",
    "final",
    "format_csv_delimiter",
    "format_csv_null_representation",
    "format_tsv_null_representation",
    "group_by_use_nulls",
    "http_headers_progress_interval_ms",
    "http_zlib_compression_level",
    "join_algorithm",
    "join_default_strictness",
    "join_use_nulls",
    "limit",
    "max_block_size",
    "max_bytes_to_read",
    "max_rows_to_read",
    "offset",
    "output_format_arrow_compression_method",
    "output_format_arrow_low_cardinality_as_dictionary",
    "output_format_arrow_string_as_string",
    "output_format_csv_crlf_end_of_line",
    "output_format_decimal_trailing_zeros",
    "output_format_json_array_of_rows",
    "output_format_json_escape_forward_slashes",
    "output_format_json_named_tuples_as_objects",
    "output_format_json_quote_64bit_floats",
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_decimals",
    "output_format_json_quote_denormals",
    "output_format_native_encode_types_in_binary_format",
    "output_format_native_write_json_as_string",
    "output_format_parquet_compression_method",
    "output_format_parquet_string_as_string",
    "output_format_pretty_color",
    "output_format_pretty_max_rows",
    "output_format_write_statistics",
    "prefer_column_name_to_alias",
    "send_progress_in_http_headers",
    "session_timezone",
    "transform_null_in",
    "union_default_mode",
];

/// The setting with which the gateway cuts answers at a landing epoch: changeable by it, not by questions.
pub(super) const CUT: &str = "additional_table_filters";

/// Whether a question may change a setting, within the bounds that the engine checks.
pub(super) fn is_changeable(name: &str) -> bool {
    BOUNDED.contains(&name) || FREE.binary_search(&name).is_ok()
}

/// What every question has from the start, with its least and most where it can be changed.
fn starts(limits: &Limits) -> Vec<(&'static str, String)> {
    let mut starts = vec![
        ("readonly", "1".to_owned()),
        // A client that goes away takes its question with it.
        ("cancel_http_readonly_queries_on_client_close", "1".to_owned()),
        // An error is told in words, not as a row of the answer's format.
        ("http_write_exception_in_output_format", "0".to_owned()),
        ("max_concurrent_queries_for_user", super::RUNNING_MAX.to_string()),
        ("use_query_cache", "0".to_owned()),
        ("log_queries", "0".to_owned()),
    ];
    let bounds = bounded(limits);
    starts.extend(bounds.iter().filter_map(|setting| Some((setting.name, setting.most?.to_string()))));
    starts
}

fn changeable(limits: &Limits) -> Vec<Changeable> {
    let free = FREE.iter().copied().chain([CUT]).map(|name| Changeable { name, most: None });
    bounded(limits).into_iter().chain(free).collect()
}

/// The settings profile of analysts, as XML of a users' file.
pub(super) fn profile_xml(limits: &Limits) -> String {
    let mut xml = String::new();
    for (name, value) in starts(limits) {
        let _ = write!(xml, "<{name}>{value}</{name}>");
    }
    xml.push_str("<constraints>");
    for Changeable { name, most } in changeable(limits) {
        let bounds = most.map_or_else(String::new, |most| format!("<min>1</min><max>{most}</max>"));
        let _ = write!(xml, "<{name}>{bounds}<changeable_in_readonly/></{name}>");
    }
    xml.push_str("</constraints>");
    xml
}

/// The same as the list of `CREATE SETTINGS PROFILE`; a server knows only some of the names.
pub(super) fn profile_sql(limits: &Limits, known: impl Fn(&str) -> bool) -> String {
    let starts = starts(limits);
    let start = |name: &str| starts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    let mut parts: Vec<String> = Vec::new();
    let changeable = changeable(limits);
    for (name, value) in starts.iter().filter(|(name, _)| known(name)) {
        if !changeable.iter().any(|setting| setting.name == *name) {
            parts.push(format!("{name} = {value}"));
        }
    }
    for Changeable { name, most } in changeable.iter().filter(|setting| known(setting.name)) {
        let value = start(name).map_or_else(String::new, |value| format!(" = {value}"));
        let bounds = most.map_or_else(String::new, |most| format!(" MIN 1 MAX {most}"));
        parts.push(format!("{name}{value}{bounds} CHANGEABLE_IN_READONLY"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_bounds_are_complete() {
        assert!(FREE.is_sorted());
        let limits = Limits::for_engine(1 << 30);
        let names: Vec<&str> = bounded(&limits).iter().map(|setting| setting.name).collect();
        assert_eq!(names, BOUNDED);
        assert!(is_changeable("max_threads") && is_changeable("limit") && !is_changeable("readonly"));
        assert!(!is_changeable(CUT), "only the gateway cuts");
    }

    #[test]
    fn a_profile_names_bounds_and_leaves_out_what_a_server_does_not_know() {
        let sql = profile_sql(&Limits::for_engine(1 << 30), |name| name != "final");
        assert!(sql.contains("readonly = 1") && sql.contains("max_threads = 2 MIN 1 MAX 2 CHANGEABLE_IN_READONLY"));
        assert!(!sql.contains(" final "), "{sql}");
    }
}
