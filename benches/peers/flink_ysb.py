"""Runs the Yahoo streaming benchmark's query on Flink SQL over a file of JSON lines and prints one line of JSON.

Usage: flink_ysb.py EVENTS.json CAMPAIGNS.csv OUT_DIRECTORY

The query: views only, joined with the ad's campaign, counted by campaign and window of 10 s of event time, with the
watermark 3 s behind the newest event time. Parallelism 1, embedded in this process, as our side runs on one worker.
CPU seconds are of this process and its children (the JVM), start-up included: two sizes of file give the slope.
"""

import json
import os
import resource
import sys
import time


def cpu_seconds() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        total += used.ru_utime + used.ru_stime
    return total


def children_cpu_seconds() -> float:
    """CPU of children that still run: the JVM is one and is only waited for at exit."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def main() -> None:
    events, campaigns, out = sys.argv[1:4]
    from pyflink.table import EnvironmentSettings, TableEnvironment

    table_env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    config = table_env.get_config()
    config.set("parallelism.default", "1")
    # Rows are not copied between operators: what its own documentation advises for speed.
    config.set("pipeline.object-reuse", "true")
    config.set("table.local-time-zone", "UTC")
    table_env.execute_sql(f"""
        CREATE TABLE events (
            ad_id STRING, event_type STRING, event_time BIGINT,
            happened AS TO_TIMESTAMP_LTZ(event_time, 3),
            WATERMARK FOR happened AS happened - INTERVAL '3' SECOND
        ) WITH ('connector' = 'filesystem', 'path' = 'file://{events}', 'format' = 'json')""")
    table_env.execute_sql(f"""
        CREATE TABLE campaigns (ad_id STRING, campaign_id STRING)
        WITH ('connector' = 'filesystem', 'path' = 'file://{campaigns}', 'format' = 'csv')""")
    table_env.execute_sql(f"""
        CREATE TABLE counts (campaign_id STRING, start_ms BIGINT, counted BIGINT)
        WITH ('connector' = 'filesystem', 'path' = 'file://{out}', 'format' = 'csv')""")
    started = time.monotonic()
    # A window aggregation by ad, then the join with the small bounded table: both inputs of the join only append, so
    # no updates flow. A join before the window would lose the event-time attribute. The ten ads of a campaign are
    # added up by whoever reads the result, which spares Flink that work.
    result = table_env.execute_sql("""
        INSERT INTO counts
        SELECT c.campaign_id, w.start_ms, w.counted
        FROM (
            SELECT ad_id, UNIX_TIMESTAMP(CAST(window_start AS STRING)) * 1000 AS start_ms, COUNT(*) AS counted
            FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(happened), INTERVAL '10' SECOND))
            WHERE event_type = 'view'
            GROUP BY ad_id, window_start, window_end
        ) AS w JOIN campaigns AS c ON w.ad_id = c.ad_id""")
    result.wait()
    print(json.dumps({
        "wall_s": time.monotonic() - started,
        "cpu_s": cpu_seconds() + children_cpu_seconds(),
    }))


main()
