"""A shop in pretix for the benchmark: one event that is on sale, one free ticket, one quota, one token of its REST API.

Prints the token and the item as JSON. Runs once, over an empty database that was migrated.
"""

import json
from datetime import timedelta

import django

django.setup()

from django.utils.timezone import now  # noqa: E402
from django_scopes import scopes_disabled  # noqa: E402
from pretix.base.models import Event, Organizer  # noqa: E402

# More than any run sells.
SIZE = 100_000_000

with scopes_disabled():
    organizer = Organizer.objects.create(name="Bench", slug="bench")
    begins = now() + timedelta(days=100)
    event = Event.objects.create(
        organizer=organizer, name="Conf", slug="conf", date_from=begins, currency="EUR", plugins="", live=True
    )
    event.settings.timezone = "UTC"
    item = event.items.create(name="Pass", default_price=0)
    quota = event.quotas.create(name="Hall", size=SIZE)
    quota.items.add(item)
    team = organizer.teams.create(name="api", all_events=True)
    # Older versions name each permission, newer ones have one for all.
    for field in team._meta.get_fields():
        if field.name.startswith("can_") or field.name in ("all_event_permissions", "all_organizer_permissions"):
            setattr(team, field.name, True)
    team.save()
    token = team.tokens.create(name="bench")
    print(json.dumps({"token": token.token, "item": item.pk}))
