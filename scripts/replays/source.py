"""What the figures must be: counted by DuckDB from the published files alone, never from anything that Eventra made."""

import pathlib

import duckdb

FILES = {
    "userbehavior": "clickstream/userbehavior_hour1.csv.zst",
    "meetup": "events/meetup_rsvps.jsonl.zst",
    "talkingdata": "ads/talkingdata_clicks.csv.zst",
    "ecommerce": "fraud/ecommerce_30k.csv.zst",
}
# The bounds and campaigns of ingest/collect/replays.toml, restated on purpose: a slip there must not move both sides.
CORRECT_BOUND, WINDOWS_BOUND, CAMPAIGNS_BOUND = 10_000_000, 3_600_000_000, 86_400_000_000
CAMPAIGNS = {"app-3": [3], "app-12": [12], "apps-2-and-15": [2, 15], "small-apps": [1, 8, 11, 13, 21, 26, 64]}

LOAD = """
set threads = 1; set preserve_insertion_order = true; set TimeZone = 'UTC';

create table taobao as select row_number() over () as line, cast(person as varchar) as person, behavior, seconds * 1000000 as us,
    case behavior when 'pv' then 'item_viewed' when 'cart' then 'item_carted' when 'fav' then 'item_favored' else 'order_reported' end as kind
  from read_csv('{userbehavior}', header = false, names = ['person', 'item', 'category', 'behavior', 'seconds']);

create table deliveries as select row_number() over () as line, rsvp_id, mtime, mtime * 1000 as us, response,
    cast(member.member_id as varchar) as person, event.event_id as event, upper("group".group_country) as country
  from read_json('{meetup}', format = 'newline_delimited');
-- Re-deliveries count once, where they first came; late is what lies behind the newest event time so far.
create table rsvps as select * exclude (copy) from (
    select *, max(us) over (order by line) - us as late_by, row_number() over (partition by rsvp_id, mtime order by line) as copy
    from deliveries) where copy = 1;

create table clicks as select row_number() over () as line, *, epoch_us(click_time) as us, epoch_us(attributed_time) as attributed_at
  from read_csv('{talkingdata}', header = true,
    types = {{'click_time': 'timestamp', 'attributed_time': 'timestamp', 'app': 'integer', 'is_attributed': 'integer'}});
create table campaigns (campaign varchar, app integer);
create table ads as
  select 'ad_clicked' as kind, line, us, app, max(us) over (order by line) as newest from clicks
  union all
  select 'ad_converted', line, attributed_at, app, newest from (select *, max(us) over (order by line) as newest from clicks)
  where is_attributed = 1;
-- In file order only; by event time nothing is late.
create table late_ads as select *, greatest(newest - us, 0) as late_by from ads;

create table lines as select row_number() over () as number, text
  from read_csv('{ecommerce}', header = false, delim = '\x01', quote = '', escape = '', columns = {{'text': 'varchar'}});
create table orders as select number, f[1] as person,
    strptime(f[2], '%m/%d/%Y %H:%M') as signup, strptime(f[3], '%m/%d/%Y %H:%M') as purchase, cast(f[4] as integer) as value
  from (select number, string_split(text, ',') as f from lines where number > 1) where len(f) = 11 and f[3] <> '';
create table points as
  select 'userbehavior' as event, '2017-11-26' as day, person, least(5, count(*) filter (kind = 'item_viewed'))
    + 2 * count(*) filter (kind = 'item_favored') + 3 * count(*) filter (kind = 'item_carted')
    + 25 * count(*) filter (kind = 'order_reported') as points from taobao group by person
  union all
  select 'ecommerce', strftime(purchase, '%Y-%m-%d'), person, 25 * count(*) from orders group by all;
"""

MINUTE, HOUR = 60_000_000, 3_600_000_000


class Source:
    def __init__(self, folder):
        self.files = {name: pathlib.Path(folder) / file for name, file in FILES.items()}
        for file in self.files.values():
            if not file.is_file():
                raise SystemExit(f"EVENTRA_DATA has no {file}")
        self.database = duckdb.connect()
        self.database.execute(LOAD.format(**{name: str(file).replace("'", "''") for name, file in self.files.items()}))
        rows = [(campaign, app) for campaign, apps in CAMPAIGNS.items() for app in apps]
        self.database.executemany("insert into campaigns values (?, ?)", rows)

    def rows(self, statement):
        return self.database.execute(statement).fetchall()

    def one(self, statement):
        return self.rows(statement)[0][0]

    def cells(self, statement):
        """A table of counts: the last column by the others."""
        return {row[:-1]: int(row[-1]) for row in self.rows(statement)}

    def windows(self, table, size, where="true", first="kind"):
        return self.cells(f"select {first}, us - us % {size} as start, count(*) from {table} where {where} group by all")

    def campaign_windows(self, where="true"):
        return self.cells(
            "select campaign, us - us % 10000000 as start, count(*) from late_ads join campaigns using (app) "
            f"where kind = 'ad_clicked' and {where} group by all"
        )

    def boards(self):
        """How many participants have each score, by board."""
        scores = """
          select 'all_time' as board, person, sum(points) as score from points group by all
          union all select 'event/' || event, person, sum(points) from points group by all
          union all select 'day/' || event || '/' || day, person, sum(points) from points group by all"""
        return self.cells(f"select board, score, count(*) from ({scores}) where score <> 0 group by all")

    def all_time(self):
        """Every person's score of all time."""
        return {row[0]: int(row[1]) for row in self.rows("select person, sum(points) from points group by 1")}

    def funnel(self):
        """People by step: a view, a cart not before it, an order not before that, in the order of the file."""
        later = "{1}.person = {0}.person and {1}.line > {0}.line and {1}.us >= {0}.us"
        look, cart, pay = (f"(select * from taobao where behavior = '{step}')" for step in ("pv", "cart", "buy"))
        carted = f"{look} l join {cart} c on {later.format('l', 'c')}"
        paid = f"{carted} join {pay} p on {later.format('c', 'p')} and p.us - l.us <= {HOUR}"
        return [self.one(f"select count(distinct l.person) from {chain}") for chain in (f"{look} l", carted, paid)]

    def segments(self):
        bought = "(select person from taobao where behavior = 'buy' union select person from orders)"
        return {
            ("keen",): self.one("select count(*) from (select person from taobao where behavior = 'pv' group by 1 having count(*) >= 10)"),
            ("undecided",): self.one(
                f"select count(distinct person) from taobao where behavior in ('cart', 'fav') and person not in {bought}"
            ),
            ("travelling",): self.one(
                "select count(*) from (select person from rsvps where length(country) = 2 group by 1 having count(distinct country) >= 2)"
            ),
            ("spent-100",): self.one("select count(*) from (select person from orders group by 1 having sum(value) >= 100)"),
        }

    def answers(self):
        """How many people last said yes or no, over all events."""
        last = "select arg_max(response, mtime) as choice from rsvps group by person, event"
        return self.cells(f"select choice, count(*) from ({last}) group by 1")
