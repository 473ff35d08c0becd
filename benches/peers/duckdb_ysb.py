"""Recounts the Yahoo streaming benchmark's file with DuckDB and prints one line of JSON: the oracle.

Usage: duckdb_ysb.py EVENTS.json

`views` is every view in the file; counted plus excluded late views of any engine must be the same number. `hash` is
over (campaign, window, views) of all views, late ones included.
"""

import json
import sys

import duckdb


def main() -> None:
    rows = duckdb.sql(f"""
        SELECT CAST(substr(ad_id, 4) AS INTEGER) // 10 AS campaign, event_time // 10000 * 10000 AS start_ms, COUNT(*)
        FROM read_json('{sys.argv[1]}', format = 'newline_delimited',
            columns = {{ad_id: 'VARCHAR', event_type: 'VARCHAR', event_time: 'BIGINT'}})
        WHERE event_type = 'view'
        GROUP BY ALL ORDER BY ALL""").fetchall()
    print(json.dumps({"views": sum(row[2] for row in rows), "windows": [list(row) for row in rows]}))


main()
