"""Recounts the Yahoo streaming benchmark's file with DuckDB and prints one line of JSON: the oracle.

Usage: duckdb_ysb.py EVENTS.json

`windows` is a list of [campaign, start in milliseconds, views that were not late, late views]. A row is late when it is
more than 3 s behind the newest event time of the rows up to it, in the order of the file. Counted plus excluded late
views of any engine must be all views.
"""

import json
import sys

import duckdb


def main() -> None:
    # The order of the file is the order of arrival; DuckDB keeps it, and this window needs no sort.
    rows = duckdb.sql(f"""
        WITH arrived AS (
            SELECT ad_id, event_type, event_time,
                max(event_time) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - event_time AS late_by
            FROM read_json('{sys.argv[1]}', format = 'newline_delimited',
                columns = {{ad_id: 'VARCHAR', event_type: 'VARCHAR', event_time: 'BIGINT'}})
        )
        SELECT CAST(substr(ad_id, 4) AS INTEGER) // 10 AS campaign, event_time // 10000 * 10000 AS start_ms,
            count(*) FILTER (WHERE late_by <= 3000), count(*) FILTER (WHERE late_by > 3000)
        FROM arrived WHERE event_type = 'view'
        GROUP BY ALL ORDER BY ALL""").fetchall()
    print(json.dumps({"windows": [list(row) for row in rows]}))


main()
