"""Replays every set, then compares live views and warehouse with DuckDB's recount of the files. See scripts/check-replays."""

import re
import sys

from product import Product
from source import CAMPAIGNS, CAMPAIGNS_BOUND, CORRECT_BOUND, HOUR, MINUTE, WINDOWS_BOUND, Source

DAY = 24 * HOUR
PAGE = 1_000  # the most rows of one answer
CAMPAIGN_WINDOWS_LIVE = 8_640  # a day of windows of ten seconds is live, the rest in the warehouse and in the totals
HLL_TOLERANCE = 0.05  # three standard errors of 1.6 %: above 1,024 people the live uniques say that they are estimates
TAOBAO = ("item_viewed", "item_carted", "item_favored", "order_reported")
ABSENT = object()


class Table:
    """The figures, and whether all sides agree."""

    def __init__(self):
        self.rows = []
        self.failed = []

    def add(self, figure, expected, live=ABSENT, warehouse=ABSENT, near=0.0):
        for side, found in (("live", live), ("warehouse", warehouse)):
            tolerance = near if side == "live" else 0.0
            if found is not ABSENT and not self.same(found, expected, tolerance):
                self.failed.append((figure, side, found, expected))
        wrong = self.failed and self.failed[-1][0] == figure
        equal = "NO" if wrong else "yes" if not near else f"within {near:.0%}"
        self.rows.append((figure, self.text(live), self.text(warehouse), self.text(expected), equal))

    @staticmethod
    def same(found, expected, near):
        return found == expected if not near else abs(found - expected) <= near * expected

    @staticmethod
    def text(value):
        if value is ABSENT:
            return "-"
        if isinstance(value, dict):
            return f"{sum(value.values()):,} in {len(value):,} cells"
        if isinstance(value, (list, tuple)):
            return " / ".join(f"{part:,}" for part in value)
        return f"{value:,}" if isinstance(value, int) else str(value)

    def print(self):
        rows = [("figure", "eventra live", "warehouse", "DuckDB", "equal"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            print("  ".join(cell.ljust(width) if column in (0, 4) else cell.rjust(width)
                            for column, (cell, width) in enumerate(zip(row, widths))).rstrip())
        for figure, side, found, expected in self.failed:
            print(f"\n{figure}: {side} differs")
            if isinstance(expected, dict) and isinstance(found, dict):
                differing = [key for key in sorted(found.keys() | expected.keys(), key=str) if found.get(key) != expected.get(key)]
                for key in differing[:5]:
                    print(f"  {key}: {found.get(key)}, DuckDB {expected.get(key)}")
                print(f"  {len(differing)} cells differ")


class Check:
    def __init__(self, product, source):
        self.product, self.source, self.table = product, source, Table()

    def sql_cells(self, statement):
        return {row[:-1]: int(row[-1]) for row in self.product.sql(statement) if int(row[-1]) != 0}

    def sql_one(self, statement):
        return int(self.product.sql(statement)[0][0])

    # Windows ---------------------------------------------------------------------------------------------------------

    def live_windows(self, organization, event, kinds, size, first, last):
        """Counts by kind and window, asked for day by day: an answer holds at most a day of minutes."""
        cells = {}
        for kind in kinds:
            for start in range(first - first % DAY, last + 1, DAY):
                found = self.product.get(organization, "windows", event=event, kind=kind, size=size, **{"from": start, "to": start + DAY - 1})
                cells.update({(kind, window["start"]): window["count"] for window in (found or {"windows": []})["windows"]})
        return cells

    def landed_windows(self, organization, seconds, event, first="kind"):
        return self.sql_cells(
            f"select toString({first}), toUnixTimestamp64Micro(window_start), sum(count_diff) from window_counts where organization = '{organization}' "
            f"and window_seconds = {seconds} and session = '' and {event} group by all"
        )

    def windows(self, figure, organization, event, kinds, table, where="true"):
        first, last = self.source.rows(f"select min(us), max(us) from {table}")[0]
        for size, span in (("minute", MINUTE), ("hour", HOUR)):
            live = self.live_windows(organization, event, kinds, size, first, last)
            # The warehouse holds minutes; hours are sums of them.
            landed = self.landed_windows(organization, 60, f"event = '{event}'")
            if span == HOUR:
                sums = {}
                for (kind, start), count in landed.items():
                    sums[kind, start - start % HOUR] = sums.get((kind, start - start % HOUR), 0) + count
                landed = sums
            self.table.add(f"{figure} by kind and {size}", self.source.windows(table, span, where), live, landed)

    def late(self, organization, event):
        found = self.product.get(organization, "windows/late", event=event)
        return found["late"], found["excluded"]

    def uniques(self):
        expected = self.source.cells("select kind, count(distinct person) from taobao group by 1")
        for kind in TAOBAO:
            live = self.product.get("replay", "windows/uniques", event="userbehavior", kind=kind)
            landed = self.sql_one(f"select uniqExact(actor) from records where organization = 'replay' and event = 'userbehavior' and kind = '{kind}'")
            self.table.add(f"Taobao: distinct people of {kind}", expected[kind,], live["count"], landed, 0.0 if live["exact"] else HLL_TOLERANCE)

    # Sets ------------------------------------------------------------------------------------------------------------

    def taobao(self):
        self.windows("Taobao, corrected: records", "replay", "userbehavior", TAOBAO, "taobao")
        self.table.add("Taobao: late, left out (the file is in order)", (0, 0), self.late("replay-exclude", "userbehavior"))
        self.windows("Taobao, late left out: records", "replay-exclude", "userbehavior", TAOBAO, "taobao")
        self.uniques()
        self.table.add("Taobao: people by step of funnel `buy`", self.source.funnel(),
                       self.product.get("replay", "funnels/buy", event="userbehavior")["reached"])

    def meetup(self):
        source, one = self.source, self.source.one
        self.table.add("Meetup: distinct (rsvp_id, mtime) of 3,000 deliveries", one("select count(*) from rsvps"),
                       warehouse=self.sql_one("select uniqExact(message) from records where organization = 'replay' and kind = 'registration_reported' and event not in ('ecommerce')"))
        events = [row[0] for row in source.rows("select distinct event from rsvps order by 1")]
        other = "kind = 'registration_reported' and event <> 'ecommerce'"
        for organization, policy, bound, where in (
            ("replay", "corrected", CORRECT_BOUND, "true"),
            ("replay-exclude", "late left out", WINDOWS_BOUND, f"late_by <= {WINDOWS_BOUND}"),
        ):
            cells, people, late, excluded = {}, {}, {}, {}
            for event in events:
                found = self.product.get(organization, "windows", event=event, kind="registration_reported", size="minute")
                if found:
                    cells.update({(event, window["start"]): window["count"] for window in found["windows"]})
                    people[event,] = found["uniques"]["count"]
                behind, left_out = self.late(organization, event)
                late.update({(event,): behind} if behind else {})
                excluded.update({(event,): left_out} if left_out else {})
            self.table.add(f"Meetup, {policy}: answers by event and minute", source.windows("rsvps", MINUTE, where, "event"),
                           cells, self.landed_windows(organization, 60, other, "event"))
            self.table.add(f"Meetup, {policy}: distinct people by event", source.cells(f"select event, count(distinct person) from rsvps where {where} group by 1"), people)
            behind = source.cells(f"select event, count(*) from rsvps where late_by > {bound} group by 1")
            self.table.add(f"Meetup, {policy}: late by event", behind, late,
                           self.sql_cells(f"select event, countIf(late_by > {bound}) from records where organization = '{organization}' and {other} group by 1"))
            self.table.add(f"Meetup, {policy}: left out by event", behind if organization == "replay-exclude" else {}, excluded)
            counted = sum(cells.values()) + sum(excluded.values())
            self.table.add(f"Meetup, {policy}: counted + left out = all distinct", one("select count(*) from rsvps"), counted)
        self.table.add("Meetup: last answers", source.answers(), warehouse=self.sql_cells(
            f"select choice, count() from (select argMax(choice, event_time) as choice from records where organization = 'replay' and {other} group by actor, event) group by 1"))

    def talking_data(self):
        kinds = ("ad_clicked", "ad_converted")
        self.windows("TalkingData, corrected: clicks, conversions", "replay", "talkingdata", kinds, "ads")
        self.windows("TalkingData, late left out: the same", "replay-exclude", "talkingdata", kinds, "late_ads", f"late_by <= {WINDOWS_BOUND}")
        late = self.source.one(f"select count(*) from late_ads where late_by > {WINDOWS_BOUND}")
        self.table.add("TalkingData, late left out: late / left out", (late, late), self.late("replay-exclude", "talkingdata"))
        self.table.add("TalkingData, corrected: late / left out (event time)", (0, 0), self.late("replay", "talkingdata"))
        self.campaigns("replay", "corrected", "true")
        self.campaigns("replay-exclude", "late left out", f"late_by <= {CAMPAIGNS_BOUND}")

    def campaigns(self, organization, policy, where):
        source, every = self.source, "kind = 'ad_clicked'"
        total = lambda which: source.cells(f"select coalesce(campaign, ''), count(*) from late_ads left join campaigns using (app) where {every} and {which} group by 1")
        found = {row["campaign"] or "": row["total"] for row in self.product.get(organization, "campaigns")}
        landed = self.sql_cells(f"select toString(campaign), sum(clicks_diff) from campaign_counts where organization = '{organization}' group by 1")
        counted = {(campaign,): row["clicked"] for campaign, row in found.items() if row["clicked"]}
        left_out = {(campaign,): row["late_excluded"] for campaign, row in found.items() if row["late_excluded"]}
        self.table.add(f"TalkingData, {policy}: clicks by campaign", total(where), counted, landed)
        self.table.add(f"TalkingData, {policy}: left out by campaign", total(f"not ({where})"), left_out)
        sums = {key: counted.get(key, 0) + left_out.get(key, 0) for key in counted.keys() | left_out.keys()}
        self.table.add(f"TalkingData, {policy}: counted + left out = all", total("true"), sums)
        self.campaign_windows(organization, policy, where)

    def campaign_windows(self, organization, policy, where):
        landed = self.sql_cells(
            f"select toString(campaign), toUnixTimestamp64Micro(window_start), sum(clicks_diff) from campaign_counts where organization = '{organization}' and campaign <> '' group by all")
        expected = self.source.campaign_windows(where)
        self.table.add(f"TalkingData, {policy}: campaign windows of 10 s", expected, warehouse=landed)
        # Live are the newest windows of each campaign; a window of which all is late is there too, with a count of 0.
        live, recent = {}, {}
        first, last = self.source.rows("select min(us), max(us) from clicks")[0]
        for campaign in CAMPAIGNS:
            starts = sorted(start for name, start in self.source.campaign_windows() if name == campaign)[-CAMPAIGN_WINDOWS_LIVE:]
            recent.update({(campaign, start): expected[campaign, start] for start in starts if (campaign, start) in expected})
            for start in range(first - first % DAY, last + 1, PAGE * 10_000_000):
                found = self.product.get(organization, f"campaigns/{campaign}", **{"from": start, "to": start + PAGE * 10_000_000})
                live.update({(campaign, window["window"]): window["clicked"] for window in found["windows"] if window["clicked"]})
        self.table.add(f"TalkingData, {policy}: newest {CAMPAIGN_WINDOWS_LIVE:,} windows", recent, live)

    def ecommerce(self):
        source, one = self.source, self.source.one
        for kind, column in (("registration_reported", "signup"), ("order_reported", "purchase")):
            expected = source.cells(f"select '{kind}', epoch_us({column}) as us, count(*) from orders group by all")
            live = self.product.get("replay", "windows", event="ecommerce", kind=kind)["total"]
            landed = {key: count for key, count in self.landed_windows("replay", 60, "event = 'ecommerce'").items() if key[0] == kind}
            self.table.add(f"E-commerce: {kind}", sum(expected.values()), live, sum(landed.values()))
            self.table.add(f"E-commerce: {kind} by minute", expected, warehouse=landed)
        fired = {(rule,): count for rule, count in self.product.get("replay", "fraud/scores")["fired"]}
        landed = self.sql_cells("select arrayJoin(reasons) as rule, count() from fraud_scores where organization = 'replay' group by 1")
        for rule, condition in (("fast-purchase", "epoch(purchase) - epoch(signup) <= 60"), ("large-order", "value >= 100")):
            expected = one(f"select count(*) from orders where {condition}")
            self.table.add(f"E-commerce: rule `{rule}` fired", expected, fired.get((rule,), 0), landed.get((rule,), 0))
        self.table.add("E-commerce: rule `fast-purchase`, as published", 1_531, fired.get(("fast-purchase",), 0))
        self.table.add("E-commerce: cents of all orders", int(one("select 100 * sum(value) from orders")),
                       warehouse=self.sql_one("select sum(amount_minor) from records where organization = 'replay' and event = 'ecommerce' and kind = 'order_reported'"))
        listed = self.product.run("dead-letters", "list", "--organization", "replay").stdout
        lines = [int(word) for word in re.findall(r"line (\d+)", listed)]
        self.table.add("E-commerce: lines that are dead letters", [row[0] for row in source.rows("select number from lines where number > 1 and number not in (select number from orders)")], lines)
        self.table.add("E-commerce: dead letters", 1, len(lines), self.sql_one("select count() from records where organization = 'replay' and kind = 'dead_lettered'"))

    # Everything ------------------------------------------------------------------------------------------------------

    def boards(self):
        expected = self.source.boards()
        landed = self.sql_cells("select arrayStringConcat(arrayFilter(x -> x != '', [scope, event, track, day]), '/') as name, score, count() from leaderboard_scores where organization = 'replay' and leaderboard = 'shoppers' and score <> 0 group by all")
        for board, parameters in (
            ("all_time", {"scope": "all_time"}),
            ("event/userbehavior", {"scope": "event", "event": "userbehavior"}),
            ("event/ecommerce", {"scope": "event", "event": "ecommerce"}),
            ("day/ecommerce/2015-05-01", {"scope": "day", "event": "ecommerce", "day": "2015-05-01"}),
        ):
            live, skip = {}, 0
            while found := (self.product.get("replay", "leaderboards/shoppers", skip=skip, limit=PAGE, **parameters) or {"places": []})["places"]:
                for place in found:
                    live[place["score"],] = live.get((place["score"],), 0) + 1
                skip += len(found)
            of_board = lambda cells: {key[1:]: count for key, count in cells.items() if key[0] == board}
            self.table.add(f"Leaderboard {board}: people by score", of_board(expected), live, of_board(landed))
        self.table.add("Leaderboards, all boards: people by score", expected, warehouse=landed)
        self.ranks()

    def ranks(self):
        """Named people: their score, and a rank that their score allows (ties are broken by who came first)."""
        scores = self.source.all_time()
        ordered = sorted(scores.values(), reverse=True)
        named = sorted(scores, key=lambda person: (-scores[person], person))[:: max(1, len(scores) // 200)]
        live, wrong = {}, 0
        for person in named:
            place = self.product.get("replay", f"leaderboards/shoppers/participants/user:{person}", scope="all_time", around=0)["place"]
            live[person,] = place["score"]
            above = sum(score > scores[person] for score in ordered)
            wrong += not above < place["rank"] <= above + ordered.count(scores[person])
        self.table.add(f"Leaderboard all_time: scores of {len(named)} named people", {(person,): scores[person] for person in named}, live)
        self.table.add("Leaderboard all_time: ranks among them that cannot be", 0, wrong)

    def segments(self):
        live = {(row["segment"],): row["visitors"] for row in self.product.get("replay", "segments")}
        landed = self.sql_cells("select toString(segment), countIf(change = 'joined') - countIf(change = 'left') from segment_changes where organization = 'replay' group by 1")
        expected = self.source.segments()
        for key in expected:
            self.table.add(f"Segment `{key[0]}`: visitors", expected[key], live.get(key, 0), landed.get(key, 0))


def main(binary, folder, rules):
    source = Source(folder)
    with Product(binary) as product:
        product.apply(rules)
        for organization, options in (("replay", {}), ("replay-exclude", {"talkingdata": ("--order", "file")})):
            for name, file in source.files.items():
                if organization == "replay" or name != "ecommerce":
                    done = product.replay(organization, name, file, *options.get(name, ()))
                    print(f"replayed {name} into {organization}: {done['records']:,} records in {done['order']} order, "
                          f"{done['repeated']:,} repeated, {done['dead_letters']} dead letters", flush=True)
        product.settle()
        # Waits until everything has landed, and compares the three sides of Eventra among themselves.
        verified = product.run("verify", check=False)
        print("\neventra verify: " + ("live = log = warehouse" if verified.returncode == 0 else verified.stdout + verified.stderr), "\n", flush=True)
        check = Check(product, source)
        for part in (check.taobao, check.meetup, check.talking_data, check.ecommerce, check.boards, check.segments):
            part()
        check.table.print()
        equal = not check.table.failed and verified.returncode == 0
        print(f"\n{len(check.table.rows)} figures, {'all equal' if equal else 'SOME DIFFER'}")
        return 0 if equal else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit("usage: check.py BINARY DATA RULES; scripts/check-replays gives them")
    sys.exit(main(*sys.argv[1:]))
