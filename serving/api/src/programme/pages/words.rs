//! The words of the pages in the languages that there are: those of the event, English where there are none.

use records::Money;

/// The words of one language.
pub(super) struct Words {
    pub(super) language: &'static str,
    pub(super) schedule: &'static str,
    pub(super) speakers: &'static str,
    pub(super) about: &'static str,
    pub(super) tickets: &'static str,
    pub(super) get_tickets: &'static str,
    pub(super) calendar: &'static str,
    pub(super) online: &'static str,
    pub(super) hybrid: &'static str,
    pub(super) called_off: &'static str,
    pub(super) cancelled: &'static str,
    pub(super) sold_out: &'static str,
    pub(super) wait: &'static str,
    pub(super) until: &'static str,
    pub(super) before: &'static str,
    pub(super) few_left: &'static str,
    pub(super) free: &'static str,
    pub(super) all_rooms: &'static str,
    pub(super) all_tracks: &'static str,
    pub(super) show: &'static str,
    pub(super) room: &'static str,
    pub(super) track: &'static str,
    pub(super) times_in: &'static str,
    pub(super) your_time: &'static str,
    pub(super) materials: &'static str,
    pub(super) places: &'static str,
    pub(super) nothing: &'static str,
    pub(super) earlier: &'static str,
    pub(super) later: &'static str,
    pub(super) events: &'static str,
    pub(super) past: &'static str,
    pub(super) coming: &'static str,
    pub(super) search: &'static str,
    pub(super) sessions: &'static str,
    pub(super) elsewhere: &'static str,
    pub(super) skip: &'static str,
    pub(super) draft: &'static str,
    pub(super) when: &'static str,
    pub(super) place: &'static str,
    weekdays: [&'static str; 7],
    months: [&'static str; 12],
}

static ENGLISH: Words = Words {
    language: "en",
    schedule: "Schedule",
    speakers: "Speakers",
    about: "About",
    tickets: "Tickets",
    get_tickets: "Get tickets",
    calendar: "Add to calendar",
    online: "Online",
    hybrid: "On site and online",
    called_off: "This event was called off.",
    cancelled: "Cancelled",
    sold_out: "Sold out",
    wait: "Join the waitlist",
    until: "until",
    before: "Before:",
    few_left: "Only a few left",
    free: "Free",
    all_rooms: "All rooms",
    all_tracks: "All tracks",
    show: "Show",
    room: "Room",
    track: "Track",
    times_in: "Times are in",
    your_time: "for you",
    materials: "Materials",
    places: "Places",
    nothing: "Nothing here yet.",
    earlier: "Earlier",
    later: "Later",
    events: "Events",
    past: "Past events",
    coming: "Coming up",
    search: "Search",
    sessions: "Sessions",
    elsewhere: "More about it",
    skip: "Skip to the content",
    draft: "A draft: only organizers see this page.",
    when: "When",
    place: "Where",
    weekdays: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

static GERMAN: Words = Words {
    language: "de",
    schedule: "Programm",
    speakers: "Vortragende",
    about: "Worum es geht",
    tickets: "Tickets",
    get_tickets: "Tickets kaufen",
    calendar: "In den Kalender",
    online: "Online",
    hybrid: "Vor Ort und online",
    called_off: "Diese Veranstaltung wurde abgesagt.",
    cancelled: "Entfällt",
    sold_out: "Ausverkauft",
    wait: "Auf die Warteliste",
    until: "bis",
    before: "Vorher:",
    few_left: "Nur noch wenige",
    free: "Kostenlos",
    all_rooms: "Alle Räume",
    all_tracks: "Alle Reihen",
    show: "Zeigen",
    room: "Raum",
    track: "Reihe",
    times_in: "Zeiten in",
    your_time: "bei dir",
    materials: "Material",
    places: "Plätze",
    nothing: "Hier ist noch nichts.",
    earlier: "Früher",
    later: "Später",
    events: "Veranstaltungen",
    past: "Vergangene Veranstaltungen",
    coming: "Demnächst",
    search: "Suchen",
    sessions: "Programmpunkte",
    elsewhere: "Mehr dazu",
    skip: "Zum Inhalt springen",
    draft: "Ein Entwurf: Diese Seite sehen nur Veranstalter.",
    when: "Wann",
    place: "Wo",
    weekdays: ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
};

/// The words for a language, BCP 47.
pub(super) fn of(language: &str) -> &'static Words {
    if language.to_ascii_lowercase().starts_with("de") { &GERMAN } else { &ENGLISH }
}

impl Words {
    /// A day, as in `Friday, 20 November 2026`.
    pub(super) fn day(&self, clock: jiff::civil::DateTime) -> String {
        let weekday = self.weekdays[usize::try_from(clock.weekday().to_monday_zero_offset()).unwrap_or(0) % 7];
        let month = self.months[usize::try_from(clock.month() - 1).unwrap_or(0) % 12];
        let dot = if self.language == "de" { "." } else { "" };
        format!("{weekday}, {}{dot} {month} {}", clock.day(), clock.year())
    }

    /// A price, as in `€119.00`.
    pub(super) fn price(&self, price: Money) -> String {
        let text = price.to_string();
        let (amount, code) = text.split_once(' ').unwrap_or((&text, ""));
        let sign = match code {
            "EUR" => "€",
            "USD" => "$",
            "GBP" => "£",
            other => other,
        };
        match self.language {
            "de" => format!("{}\u{a0}{sign}", amount.replace('.', ",")),
            _ if sign == code => format!("{sign}\u{a0}{amount}"),
            _ => format!("{sign}{amount}"),
        }
    }

    /// A time, as in `09:30`.
    pub(super) fn time(&self, clock: jiff::civil::DateTime) -> String {
        format!("{:02}:{:02}", clock.hour(), clock.minute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_look_as_they_do_in_the_shop() {
        let price = |language: &str, minor: i64, currency: &str| {
            of(language).price(Money { minor, currency: records::Currency::parse(currency).unwrap() })
        };
        assert_eq!(price("en", 11_900, "EUR"), "€119.00");
        assert_eq!(price("de-AT", 11_905, "EUR"), "119,05\u{a0}€");
        assert_eq!(price("en", 500, "JPY"), "JPY\u{a0}500");
    }
}
