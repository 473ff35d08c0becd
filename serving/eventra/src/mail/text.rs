//! What mails say, in the languages that there are.

use api::accounts::Template;

use super::Mail;

/// A mail's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) subject: String,
    /// What is read where no HTML is.
    pub(crate) plain: String,
    pub(crate) html: String,
}

/// The words of a language: subject, body, and what stands on the link.
type Words = (&'static str, &'static str, &'static str);

fn words(template: Template, german: bool) -> Words {
    match (template, german) {
        (Template::PasswordReset, false) => (
            "Choose another password",
            "Somebody, hopefully you, asked for a link to choose another password. It works once, for an hour. If it was not \
             you, do nothing: your password stays as it is.",
            "Choose a password",
        ),
        (Template::PasswordReset, true) => (
            "Neues Passwort wählen",
            "Jemand, hoffentlich Sie, hat um einen Link gebeten, mit dem sich ein neues Passwort wählen lässt. Er gilt einmal und \
             eine Stunde lang. Wenn Sie das nicht waren, müssen Sie nichts tun: Ihr Passwort bleibt, wie es ist.",
            "Passwort wählen",
        ),
        (Template::Invitation, false) => (
            "You are invited to {organization}",
            "{organization} works with Eventra and has invited you. Choose a password to sign in; the link works once, for a \
             week.",
            "Choose a password",
        ),
        (Template::Invitation, true) => (
            "Einladung zu {organization}",
            "{organization} arbeitet mit Eventra und hat Sie eingeladen. Wählen Sie ein Passwort, um sich anzumelden; der Link gilt \
             einmal und eine Woche lang.",
            "Passwort wählen",
        ),
        (Template::Membership, false) => (
            "You are a member of {organization}",
            "{organization} has made you a member. Sign in as you always do.",
            "",
        ),
        (Template::Membership, true) => (
            "Sie sind Mitglied von {organization}",
            "{organization} hat Sie als Mitglied aufgenommen. Melden Sie sich an wie immer.",
            "",
        ),
        (Template::PasswordChanged, false) => (
            "Your password was changed",
            "Your password was changed, and all other devices were signed out. If it was not you, ask for a link to choose another \
             one at once.",
            "",
        ),
        (Template::PasswordChanged, true) => (
            "Ihr Passwort wurde geändert",
            "Ihr Passwort wurde geändert, und alle anderen Geräte wurden abgemeldet. Wenn Sie das nicht waren, fordern Sie sofort \
             einen Link für ein neues Passwort an.",
            "",
        ),
        (Template::SecondFactorChanged, false) => (
            "Your second factor was changed",
            "A second factor was set up for your account, or removed. If it was not you, choose another password at once.",
            "",
        ),
        (Template::SecondFactorChanged, true) => (
            "Ihr zweiter Faktor wurde geändert",
            "Für Ihr Konto wurde ein zweiter Faktor eingerichtet oder entfernt. Wenn Sie das nicht waren, wählen Sie sofort ein neues \
             Passwort.",
            "",
        ),
    }
}

/// Writes a mail.
pub(crate) fn text(mail: &Mail) -> Text {
    let german = mail.language.split('-').next() == Some("de");
    let (subject, body, label) = words(mail.letter.template, german);
    let filled = |text: &str| text.replace("{organization}", &mail.letter.organization);
    written(&mail.to.name, german, filled(subject), &[filled(body)], &mail.letter.link, label)
}

/// A mail of a greeting, paragraphs and a link.
pub(super) fn written(
    name: &str,
    german: bool,
    subject: String,
    paragraphs: &[String],
    link: &str,
    label: &str,
) -> Text {
    let hello = match (name.is_empty(), german) {
        (true, false) => "Hello,".to_owned(),
        (true, true) => "Guten Tag,".to_owned(),
        (false, false) => format!("Hello {name},"),
        (false, true) => format!("Guten Tag {name},"),
    };
    let mut plain = format!("{hello}\r\n");
    let mut html = format!(
        "<!doctype html><html lang=\"{}\"><body style=\"font-family:sans-serif\"><p>{}</p>",
        if german { "de" } else { "en" },
        escaped(&hello)
    );
    for paragraph in paragraphs {
        plain += &format!("\r\n{}\r\n", paragraph.replace('\n', "\r\n"));
        html += &format!("<p>{}</p>", escaped(paragraph).replace('\n', "<br>"));
    }
    if !link.is_empty() {
        plain += &format!("\r\n{link}\r\n");
        html += &format!("<p><a href=\"{}\">{}</a></p>", escaped(link), escaped(label));
    }
    html += "</body></html>";
    Text { subject, plain, html }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use api::accounts::{Letter, Personal};
    use records::MailId;

    use super::*;

    fn mail(template: Template, language: &str) -> Mail {
        let to = Personal { email: "ann@example.org".into(), name: "Ann <b>".into() };
        let letter =
            Letter { link: "https://x/#token=1&2".into(), organization: "A & Co".into(), ..Letter::new(template) };
        Mail { id: MailId(1), to, language: language.into(), letter }
    }

    #[test]
    fn names_are_words_and_never_markup() {
        let text = text(&mail(Template::Invitation, "en"));
        assert_eq!(text.subject, "You are invited to A & Co");
        assert!(text.plain.starts_with("Hello Ann <b>,\r\n") && text.plain.contains("https://x/#token=1&2"));
        assert!(text.html.contains("Ann &lt;b&gt;") && text.html.contains("A &amp; Co"), "{}", text.html);
        assert!(text.html.contains("href=\"https://x/#token=1&amp;2\""));
    }

    #[test]
    fn every_mail_is_written_in_every_language() {
        for template in [
            Template::PasswordReset,
            Template::Invitation,
            Template::Membership,
            Template::PasswordChanged,
            Template::SecondFactorChanged,
        ] {
            let (english, german) = (text(&mail(template, "")), text(&mail(template, "de-AT")));
            assert_ne!(english.plain, german.plain, "{template:?}");
            assert!(!english.plain.contains('{') && !german.html.contains('{'), "{template:?}");
        }
    }
}
