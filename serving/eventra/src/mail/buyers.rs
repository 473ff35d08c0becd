//! Mails to buyers, holders and those who wait: what follows from box offices, worded and sent.

use std::collections::BTreeMap;
use std::time::Instant;

use api::Api;
use api::books::letters::{BuyerLetter, Facts, Occasion, Outcome as Wanted, Waiting};
use records::OrganizationId;
use records::books::LetterId;

use super::{AT_ONCE, GIVE_UP, Outcome, Outgoing, PAUSE, PAUSE_MAX, Pause, Ready, text};

/// Mails that are on their way together: a mail server takes as many from one client.
const TOGETHER: usize = 8;
/// Letters to all who have tickets that are sent in one look: a hundred a second, which mail servers take from one client.
const NEWS_AT_ONCE: usize = 25;

/// Letters that are not tried again yet.
pub(crate) type Tries = BTreeMap<(OrganizationId, LetterId), Pause>;

/// Tries every letter whose time has come.
pub(crate) async fn round(api: &Api, outgoing: &Outgoing, tries: &mut Tries) {
    tries.retain(|_, pause| pause.until + PAUSE_MAX > Instant::now());
    // Those that wait for another try stand in nobody's way.
    let mut due = api.letters(AT_ONCE + tries.len());
    due.retain(|waiting| {
        tries.get(&(waiting.organization, waiting.id)).is_none_or(|pause| pause.until <= Instant::now())
    });
    // Letters to everybody come after all others here, and leave room for what is asked for meanwhile.
    let mut news = 0;
    due.retain(|waiting| {
        news += usize::from(waiting.to_all);
        !waiting.to_all || news <= NEWS_AT_ONCE
    });
    due.truncate(AT_ONCE);
    for together in due.chunks(TOGETHER) {
        let outcomes =
            futures_util::future::join_all(together.iter().map(|waiting| send(api, outgoing, waiting))).await;
        let mut settled: BTreeMap<OrganizationId, Vec<(LetterId, Option<String>)>> = BTreeMap::new();
        for (waiting, outcome) in together.iter().zip(outcomes) {
            match outcome {
                Outcome::Sent => settled.entry(waiting.organization).or_default().push((waiting.id, None)),
                Outcome::Never(why) => {
                    tracing::info!(organization = %waiting.organization, letter = ?waiting.id, why, "a letter is not sent");
                    settled.entry(waiting.organization).or_default().push((waiting.id, Some(why)));
                }
                Outcome::Later(why) => later(waiting, &why, tries),
                // Nobody takes mails here: they wait for somebody who does.
                Outcome::Nowhere => {}
            }
        }
        for (organization, letters) in settled {
            if let Err(problem) = api.letters_settled(organization, letters).await {
                // They are sent again with the same Message-ID: rather twice than never.
                tracing::warn!(%organization, code = problem.code.word(), "what became of letters was not recorded");
            }
        }
    }
}

fn later(waiting: &Waiting, why: &str, tries: &mut Tries) {
    let key = (waiting.organization, waiting.id);
    let pause = tries.get(&key).map_or(PAUSE, |pause| pause.next);
    if !why.is_empty() {
        tracing::warn!(organization = %key.0, letter = ?key.1, why, again_in_s = pause.as_secs(), "a letter was not taken");
    }
    tries.insert(key, Pause { until: Instant::now() + pause, next: (pause * 2).min(PAUSE_MAX) });
}

async fn send(api: &Api, outgoing: &Outgoing, waiting: &Waiting) -> Outcome {
    if api.clock.now().since(waiting.queued) > GIVE_UP {
        return Outcome::Never("no mail server took it in time".into());
    }
    if matches!(outgoing, Outgoing::Nowhere) {
        return Outcome::Nowhere;
    }
    match api.letter(waiting).await {
        Wanted::Send(letter) => outgoing.send(&ready(waiting, *letter)).await,
        // Its time has not come: it is asked again soon, which is nothing to tell of.
        Wanted::Later => Outcome::Later(String::new()),
        Wanted::Never(why) => Outcome::Never(why.into()),
    }
}

fn ready(waiting: &Waiting, letter: BuyerLetter) -> Ready {
    let LetterId { cause, part, order } = waiting.id;
    let mut id = format!("letter-{}-{}-{part}-{}", cause.partition, cause.offset, waiting.organization);
    if order.is_some() {
        id += &format!("-{order}");
    }
    let german = letter.language.split('-').next() == Some("de");
    let words = words(letter.occasion, german);
    let text = text::written(
        &letter.to.name,
        german,
        filled(words.subject, &letter.facts, german),
        &paragraphs(&words, &letter.facts, german),
        &letter.link,
        if words.label.is_empty() { &letter.link } else { words.label },
    );
    Ready { id, to: letter.to, text, link: letter.link, attachments: letter.attachments }
}

/// The words of an occasion in a language: subject, text, and what stands on the link.
struct Words {
    subject: &'static str,
    body: &'static str,
    label: &'static str,
}

fn filled(text: &str, facts: &Facts, german: bool) -> String {
    let amount = if german { facts.amount.replace('.', ",") } else { facts.amount.clone() };
    text.replace("{organization}", &facts.organization)
        .replace("{event}", &facts.event)
        .replace("{order}", &facts.order)
        .replace("{amount}", &amount)
        .replace("{until}", &facts.until)
        .replace("{product}", &facts.product)
}

fn paragraphs(words: &Words, facts: &Facts, german: bool) -> Vec<String> {
    let mut paragraphs = vec![filled(words.body, facts, german)];
    if !facts.reason.is_empty() {
        paragraphs.push(if german { format!("„{}“", facts.reason) } else { format!("“{}”", facts.reason) });
    }
    let (when, place, before) = if german { ("Wann", "Wo", "bisher") } else { ("When", "Where", "before") };
    for (label, (now, was)) in [(when, &facts.when), (place, &facts.place)] {
        if !was.is_empty() {
            paragraphs.push(format!("{label}: {now}\n{before}: {was}"));
        } else if !now.is_empty() {
            paragraphs.push(format!("{label}: {now}"));
        }
    }
    if !facts.bank.is_empty() {
        paragraphs.push(facts.bank.clone());
    }
    if !facts.order.is_empty() {
        paragraphs.push(format!("{}: {}", if german { "Bestellung" } else { "Order" }, facts.order));
    }
    if !facts.organization.is_empty() {
        paragraphs.push(facts.organization.clone());
    }
    paragraphs
}

fn words(occasion: Occasion, german: bool) -> Words {
    let (english, other) = match occasion {
        Occasion::Placed => (
            (
                "Your order for {event}: please pay",
                "We keep what you ordered for {event} until {until}. Please pay {amount} by then; afterwards it goes back on sale.",
                "Pay",
            ),
            (
                "Ihre Bestellung für {event}: bitte bezahlen",
                "Wir halten Ihre Bestellung für {event} bis {until} frei. Bitte bezahlen Sie bis dahin {amount}; danach wird sie wieder \
                 verkauft.",
                "Bezahlen",
            ),
        ),
        Occasion::TransferAwaited => (
            (
                "Your order for {event}: please transfer {amount}",
                "Thank you for your order for {event}. Please transfer {amount}, so that it arrives by {until}, and name the order \
                 below. Your tickets come as soon as it has arrived.",
                "Look at the order",
            ),
            (
                "Ihre Bestellung für {event}: bitte {amount} überweisen",
                "Vielen Dank für Ihre Bestellung für {event}. Bitte überweisen Sie {amount}, sodass der Betrag bis {until} eintrifft, \
                 und nennen Sie die unten stehende Bestellung. Ihre Tickets kommen, sobald er da ist.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::InReview => (
            (
                "Your order for {event} is being looked at",
                "Thank you for your order for {event}. The organizer looks at it first; we write to you when it goes on.",
                "Look at the order",
            ),
            (
                "Ihre Bestellung für {event} wird geprüft",
                "Vielen Dank für Ihre Bestellung für {event}. Der Veranstalter sieht sie sich zuerst an; wir schreiben Ihnen, sobald es \
                 weitergeht.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::Confirmed => (
            (
                "Your tickets for {event}",
                "Your order for {event} is confirmed ({amount}). Your tickets are attached, and behind the link: keep it to \
                 yourself, since whoever has it sees the order.",
                "Look at order and tickets",
            ),
            (
                "Ihre Tickets für {event}",
                "Ihre Bestellung für {event} ist bestätigt ({amount}). Ihre Tickets hängen an und stehen hinter dem Link: Behalten Sie \
                 ihn für sich, denn wer ihn hat, sieht die Bestellung.",
                "Bestellung und Tickets ansehen",
            ),
        ),
        Occasion::Expired => (
            (
                "Your order for {event} has ended",
                "Your order for {event} was not paid in time and has ended. If your money is still on its way, you get what you \
                 ordered if it is still there, and otherwise your money back.",
                "Look at the order",
            ),
            (
                "Ihre Bestellung für {event} ist verfallen",
                "Ihre Bestellung für {event} wurde nicht rechtzeitig bezahlt und ist verfallen. Ist Ihr Geld noch unterwegs, erhalten Sie \
                 das Bestellte, wenn es noch da ist, und sonst Ihr Geld zurück.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::Cancelled => (
            (
                "Your order for {event} was cancelled",
                "Your order for {event} was cancelled, and its tickets are void. We write to you when money goes back.",
                "Look at the order",
            ),
            (
                "Ihre Bestellung für {event} wurde storniert",
                "Ihre Bestellung für {event} wurde storniert, ihre Tickets sind ungültig. Wir schreiben Ihnen, wenn Geld zurückgeht.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::PartCancelled => (
            (
                "Part of your order for {event} was cancelled",
                "Part of your order for {event} was cancelled; what is left costs {amount}. We write to you when money goes back.",
                "Look at the order",
            ),
            (
                "Ein Teil Ihrer Bestellung für {event} wurde storniert",
                "Ein Teil Ihrer Bestellung für {event} wurde storniert; der Rest kostet {amount}. Wir schreiben Ihnen, wenn Geld \
                 zurückgeht.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::Refused => (
            (
                "Your order for {event} was refused",
                "The organizer could not take your order for {event}. What you may have paid goes back by itself.",
                "Look at the order",
            ),
            (
                "Ihre Bestellung für {event} wurde abgelehnt",
                "Der Veranstalter konnte Ihre Bestellung für {event} nicht annehmen. Was Sie vielleicht bezahlt haben, geht von selbst \
                 zurück.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::Refunded => (
            (
                "{amount} goes back to you",
                "{amount} of your order for {event} goes back the way it came. That can take some days.",
                "Look at the order",
            ),
            (
                "{amount} gehen an Sie zurück",
                "{amount} Ihrer Bestellung für {event} gehen auf dem Weg zurück, auf dem sie kamen. Das kann einige Tage dauern.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::PaidLate => (
            (
                "Your payment for {event} came too late",
                "Your payment came when the order for {event} had ended and was sold to others. All of it, {amount}, goes back the way \
                 it came.",
                "Look at the order",
            ),
            (
                "Ihre Zahlung für {event} kam zu spät",
                "Ihre Zahlung kam, als die Bestellung für {event} schon verfallen und anderweitig verkauft war. Der ganze Betrag, \
                 {amount}, geht auf dem Weg zurück, auf dem er kam.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::PaidTooMuch => (
            (
                "You have paid too much for {event}",
                "More came in for your order for {event} than it costs. {amount} goes back the way it came.",
                "Look at the order",
            ),
            (
                "Sie haben für {event} zu viel bezahlt",
                "Für Ihre Bestellung für {event} kam mehr an, als sie kostet. {amount} gehen auf dem Weg zurück, auf dem sie kamen.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::TicketGiven => (
            (
                "A ticket for {event} was passed on",
                "Your ticket for {event} belongs to somebody else now; the one that you have is void. If it was not you, write to the \
                 organizer at once.",
                "Look at the order",
            ),
            (
                "Ein Ticket für {event} wurde weitergegeben",
                "Ihr Ticket für {event} gehört nun jemand anderem; das, das Sie haben, ist ungültig. Wenn Sie das nicht waren, schreiben \
                 Sie sofort dem Veranstalter.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::TicketGot => (
            (
                "Your ticket for {event}",
                "You have a ticket for {event}: it is attached. Show it at the door, on paper or on a screen. Any other one of before is \
                 void.",
                "Look at the event",
            ),
            (
                "Ihr Ticket für {event}",
                "Sie haben ein Ticket für {event}: Es hängt an. Zeigen Sie es am Einlass, auf Papier oder auf dem Bildschirm. Jedes \
                 frühere ist ungültig.",
                "Veranstaltung ansehen",
            ),
        ),
        Occasion::Offered => (
            (
                "It is your turn: {product} for {event}",
                "You waited for {product} for {event}. It is kept for you until {until}, for {amount}. Afterwards the next one has it.",
                "Take it",
            ),
            (
                "Sie sind dran: {product} für {event}",
                "Sie haben auf {product} für {event} gewartet. Es ist bis {until} für Sie zurückgelegt, für {amount}. Danach ist der \
                 Nächste dran.",
                "Nehmen",
            ),
        ),
        Occasion::Changed => (
            (
                "{event} has changed",
                "Please note: {event}, which you have tickets for, takes place at another time or place than you were told. Your \
                 tickets stay valid. The attached file moves it in your calendar.",
                "Look at the event",
            ),
            (
                "{event} wurde geändert",
                "Bitte beachten Sie: {event}, wofür Sie Tickets haben, findet zu anderer Zeit oder an anderem Ort statt als bisher \
                 gesagt. Ihre Tickets bleiben gültig. Die angehängte Datei verschiebt die Veranstaltung in Ihrem Kalender.",
                "Veranstaltung ansehen",
            ),
        ),
        Occasion::CalledOff => (
            (
                "{event} does not take place",
                "{event}, which you have tickets for, was called off and does not take place. The attached file takes it out of your \
                 calendar.",
                "Look at the event",
            ),
            (
                "{event} findet nicht statt",
                "{event}, wofür Sie Tickets haben, wurde abgesagt und findet nicht statt. Die angehängte Datei nimmt die Veranstaltung \
                 aus Ihrem Kalender.",
                "Veranstaltung ansehen",
            ),
        ),
        Occasion::CalledOffPaid => (
            (
                "{event} does not take place",
                "{event}, which you have tickets for, was called off and does not take place. You have paid {amount}. It does not go \
                 back by itself: the organizer decides about it, and we write to you when money goes back. The attached file takes \
                 the event out of your calendar.",
                "Look at the order",
            ),
            (
                "{event} findet nicht statt",
                "{event}, wofür Sie Tickets haben, wurde abgesagt und findet nicht statt. Sie haben {amount} bezahlt. Das Geld geht \
                 nicht von selbst zurück: Darüber entscheidet der Veranstalter, und wir schreiben Ihnen, sobald Geld zurückgeht. Die \
                 angehängte Datei nimmt die Veranstaltung aus Ihrem Kalender.",
                "Bestellung ansehen",
            ),
        ),
        Occasion::CalledOffAsk => (
            (
                "{event} does not take place",
                "{event}, which you have tickets for, was called off and does not take place. You have paid {amount}. It does not go \
                 back by itself: behind the link you can ask for it, and see on which terms. The organizer decides about it, and we \
                 write to you when money goes back. The attached file takes the event out of your calendar.",
                "Ask for your money back",
            ),
            (
                "{event} findet nicht statt",
                "{event}, wofür Sie Tickets haben, wurde abgesagt und findet nicht statt. Sie haben {amount} bezahlt. Das Geld geht \
                 nicht von selbst zurück: Hinter dem Link können Sie darum bitten und sehen, zu welchen Bedingungen. Der Veranstalter \
                 entscheidet darüber, und wir schreiben Ihnen, sobald Geld zurückgeht. Die angehängte Datei nimmt die Veranstaltung \
                 aus Ihrem Kalender.",
                "Geld zurückverlangen",
            ),
        ),
    };
    let (subject, body, label) = if german { other } else { english };
    Words { subject, body, label }
}

#[cfg(test)]
mod tests {
    use api::accounts::Personal;
    use records::books::Cause;

    use super::*;

    fn letter(occasion: Occasion, language: &str) -> Ready {
        let facts = Facts {
            organization: "A & Co".into(),
            event: "Conf <1>".into(),
            order: "order-7".into(),
            amount: "12.50 EUR".into(),
            until: "2026-11-21 10:00 CET".into(),
            bank: "IBAN DE00\nBIC X".into(),
            product: "Pass".into(),
            reason: "The <1> storm".into(),
            when: ("Friday <1>".into(), "Thursday".into()),
            place: ("Hall <1>".into(), String::new()),
        };
        let to = Personal { email: "ann@example.org".into(), name: "Ann".into() };
        let (language, link) = (language.to_owned(), "https://x/#secret=1&2".to_owned());
        let letter = BuyerLetter { to, language, occasion, facts, link, attachments: Vec::new() };
        let id = LetterId { cause: Cause { partition: 3, offset: 7 }, part: 1, ..LetterId::default() };
        let organization = OrganizationId::parse("acme").unwrap();
        ready(&Waiting { organization, id, queued: records::Timestamp(0), to_all: false }, letter)
    }

    #[test]
    fn every_occasion_has_words_in_every_language_and_names_are_never_markup() {
        for occasion in Occasion::ALL {
            let (english, german) = (letter(occasion, "en").text, letter(occasion, "de-AT").text);
            assert_ne!(english.plain, german.plain, "{occasion:?}");
            for text in [english, german] {
                assert!(!text.plain.contains('{') && !text.subject.contains('{'), "{occasion:?}: {}", text.plain);
                assert!(!text.html.contains("<1>") && text.html.contains("A &amp; Co"), "{}", text.html);
                assert!(text.html.contains("IBAN DE00<br>BIC X"), "{}", text.html);
            }
        }
        assert!(letter(Occasion::Placed, "de").text.plain.contains("12,50 EUR"));
        assert_eq!(letter(Occasion::Placed, "").id, "letter-3-7-1-acme");
    }
}
