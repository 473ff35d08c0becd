//! Markdown that organizers and other systems wrote, as markup that cannot run and as plain text.

use std::borrow::Cow;
use std::sync::LazyLock;

use ammonia::Builder;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Elements of texts; headings begin below the page's own.
const TAGS: &[&str] = &[
    "p",
    "br",
    "hr",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "strong",
    "em",
    "b",
    "i",
    "del",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "a",
    "img",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "sup",
    "sub",
];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .tags(TAGS.iter().copied().collect())
        .url_schemes(["https", "http", "mailto"].into_iter().collect())
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("nofollow noopener ugc"))
        .generic_attributes([].into_iter().collect())
        .attribute_filter(|element, attribute, value| {
            // Pictures come over TLS only, as the policy of the pages says.
            let picture = element == "img" && attribute == "src";
            (!picture || value.starts_with("https://")).then_some(Cow::Borrowed(value))
        });
    builder
});

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

/// Markup of a text; nothing of it runs, whatever it says.
pub(super) fn html(text: &str) -> String {
    let mut headings = Headings(Vec::new());
    let events = Parser::new_ext(text, options()).map(|event| match event {
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: headings.enter(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(_)) => Event::End(TagEnd::Heading(headings.level())),
        event => event,
    });
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, events);
    CLEANER.clean(&out).to_string()
}

/// Headings of a text below the page's own, each one level below what it belongs to, however people have numbered them: who
/// moves from heading to heading misses none.
struct Headings(Vec<HeadingLevel>);

impl Headings {
    fn enter(&mut self, level: HeadingLevel) -> HeadingLevel {
        while self.0.last().is_some_and(|above| *above >= level) {
            self.0.pop();
        }
        self.0.push(level);
        self.level()
    }

    fn level(&self) -> HeadingLevel {
        match self.0.len() {
            0 | 1 => HeadingLevel::H2,
            2 => HeadingLevel::H3,
            3 => HeadingLevel::H4,
            4 => HeadingLevel::H5,
            _ => HeadingLevel::H6,
        }
    }
}

/// The words of a text, without its markup.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for event in Parser::new_ext(text, options()) {
        match event {
            Event::Text(text) | Event::Code(text) => out.push_str(&text),
            Event::SoftBreak => out.push(' '),
            Event::HardBreak => out.push('\n'),
            Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock) => out.push_str("\n\n"),
            Event::End(TagEnd::Item | TagEnd::TableRow) => out.push('\n'),
            // Markup inside of a text: its words stand in texts of their own, a break is one.
            Event::Html(html) => out.push_str(&words(&html)),
            Event::InlineHtml(html) if html.starts_with("<br") => out.push('\n'),
            _ => {}
        }
    }
    out.trim().to_owned()
}

/// What is left of markup without its tags.
fn words(html: &str) -> String {
    let text = Builder::empty().clean(html).to_string();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&nbsp;", " ").replace("&amp;", "&")
}

/// The beginning of a text in a line, for descriptions: whole words, at most so many characters.
pub(super) fn brief(text: &str, most: usize) -> String {
    let line = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most).collect();
    let whole = cut.rsplit_once(' ').map_or(cut.as_str(), |(whole, _)| whole);
    format!("{}…", whole.trim_end_matches([',', '.', ';', ':']))
}

/// Known ways to smuggle a script (after OWASP's cheat sheet): inert, all of them.
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const CORPUS: &[&str] = &[
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<img src=\"javascript:alert(1)\">",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
        "<a href=\"&#106;avascript:alert(1)\">x</a>",
        "<svg onload=alert(1)>",
        "<svg><script>alert(1)</script></svg>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<iframe src=https://evil.example></iframe>",
        "<object data=x></object><embed src=x>",
        "<form action=https://evil.example><input name=password></form>",
        "<style>body{display:none}</style>",
        "<p style=\"position:fixed\">x</p>",
        "<div onmouseover=alert(1)>x</div>",
        "<base href=https://evil.example>",
        "<meta http-equiv=refresh content=0>",
        "<link rel=stylesheet href=x>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<body onload=alert(1)>",
        "![x](https://a.example/\"onerror=\"alert(1))",
        "<a href=\"//evil.example\">x</a>",
        "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
        "<textarea></textarea><img src=x onerror=alert(1)>",
        "<template><script>alert(1)</script></template>",
        "<xmp><img src=x onerror=alert(1)></xmp>",
        "`<script>alert(1)</script>`",
        "<video><source onerror=alert(1)></video>",
        "<details open ontoggle=alert(1)>",
        "<x onclick=alert(1)>x</x>",
        "<a href=x onclick=alert(1)>x</a>",
    ];

    #[test]
    fn nothing_that_anybody_writes_runs() {
        let allowed: BTreeSet<&str> = TAGS.iter().copied().collect();
        for text in CORPUS {
            let markup = html(text);
            // Read again as a browser would: only elements and attributes that are allowed are left.
            for tag in markup.split('<').skip(1) {
                let inside = tag.split('>').next().unwrap_or_default();
                let name = inside.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
                assert!(allowed.contains(name), "{text} gave <{inside}>");
                let lower = inside.to_lowercase();
                assert!(
                    !lower.contains(" on") && !lower.contains("script:") && !lower.contains("style="),
                    "{text}: {inside}"
                );
                assert!(!lower.contains("data:") && !lower.contains("\"//"), "{text}: {inside}");
            }
        }
    }

    #[test]
    fn headings_begin_below_the_page_and_leave_no_level_out() {
        let markup = html("## One\n\n#### Two\n\n##### Three\n\n### Four\n\n# Five\n\n###### Six");
        let levels: Vec<&str> = markup.split("<h").skip(1).map(|rest| &rest[..1]).collect();
        assert_eq!(levels, ["2", "3", "4", "3", "2", "3"], "{markup}");
        assert_eq!(markup.matches("</h2>").count(), 2);
    }

    #[test]
    fn markdown_becomes_markup_and_words() {
        let text = "# Title\n\nSome *words* & a [link](https://example.org).\n\n- one\n- two";
        let markup = html(text);
        assert!(markup.contains("<h2>Title</h2>") && markup.contains("<em>words</em> &amp; a "), "{markup}");
        assert!(markup.contains("rel=\"nofollow noopener ugc\""));
        assert_eq!(plain(text), "Title\n\nSome words & a link.\n\none\ntwo");
        assert_eq!(brief("one two three four", 9), "one two…");
        assert_eq!(plain("<p>Hi <b>you</b> &amp; me</p>"), "Hi you & me");
    }
}
