//! User agents: bots are marked, never blocked; the platform is named by family.

use crate::limits::USER_AGENT_BYTES_MAX;

/// What bots call themselves: general words first, then names of those that use none of them. Lower case.
const BOT_WORDS: &[&str] = &[
    "crawl",
    "spider",
    "slurp",
    "scrap",
    "archiver",
    "headless",
    "phantomjs",
    "puppeteer",
    "playwright",
    "selenium",
    "lighthouse",
    "pagespeed",
    "pingdom",
    "uptime",
    "monitor",
    "checker",
    "validator",
    "preview",
    "fetch",
    "survey",
    "research",
    "analyzer",
    "verif",
    "probe",
    "scanner",
    "indexer",
    "feedburner",
    "feedly",
    "rss/",
    "rssreader",
    "feedparser",
    "proxy",
    "libwww",
    "lwp-",
    "curl",
    "wget",
    "python",
    "urllib",
    "aiohttp",
    "httpx",
    "go-http-client",
    "java/",
    "jakarta",
    "httpclient",
    "http-client",
    "http_client",
    "http request",
    "httpunit",
    "axios",
    "node-fetch",
    "got (",
    "guzzle",
    "php/",
    "ruby",
    "perl",
    "winhttp",
    "rest-client",
    "postman",
    "insomnia",
    "node/",
    "undici",
    "facebookexternalhit",
    "facebookcatalog",
    "meta-external",
    "whatsapp",
    "skypeuripreview",
    "embedly",
    "outbrain",
    "google-",
    "google web",
    "mediapartners",
    "feedfetcher",
    "apis-google",
    "adsense",
    "bingpreview",
    "ahrefs",
    "semrush",
    "mj12",
    "dotbot",
    "grapeshot",
    "proximic",
    "admantx",
    "ads.txt",
    "ltx71",
    "nutch",
    "heritrix",
    "wordpress",
    "ia_archiver",
    "archive.org",
    "teoma",
    "nagios",
    "zabbix",
    "site24x7",
    "statuscake",
    "datadog",
    "newrelic",
    "gtmetrix",
    "nmap",
    "nikto",
    "sqlmap",
    "zgrab",
    "masscan",
    "censys",
    "netcraft",
    "virustotal",
    "qualys",
    "panscient",
    "gptbot",
    "chatgpt",
    "claude",
    "anthropic",
    "perplexity",
    "ccbot",
    "bytespider",
    "cohere-",
    "mistral",
    "openai",
    "http:",
    "https:",
    "www.",
    ".com",
    "@",
    "agent",
    "httrack",
    "larbin",
    "ichiro",
    "favicon",
    "appinsights",
    "spinn3r",
];

/// Words around `bot` that mean a telephone (Cubot) and not a bot.
const NOT_BOTS: &[&str] = &["cubot"];

/// What the programs of people say who write neither a browser's name nor a system: libraries of mobile apps.
const APPS: &[&str] =
    &["cfnetwork", "darwin", "dalvik", "okhttp", "dart/", "webtv", "symbian", "blackberry", "nokia", "midp"];

/// Returns whether a visitor's user agent looks like a bot's. The empty one does not: many apps send none.
///
/// Three rules: it calls itself one; it says `compatible` as only old Internet Explorers and bots do; or it names
/// neither a browser's engine, nor a system, nor an app library, as programs without a person before them do.
pub fn is_bot(user_agent: &str) -> bool {
    let agent = lower(user_agent);
    if agent.is_empty() {
        return false;
    }
    let named_bot = agent.match_indices("bot").any(|(at, _)| !within(&agent, at, NOT_BOTS));
    let compatible = agent.contains("(compatible;") && !agent.contains("msie") && !agent.contains("konqueror");
    let impersonal = !agent.starts_with("mozilla/")
        && !agent.starts_with("opera")
        && family(&agent).is_empty()
        && !APPS.iter().any(|word| agent.contains(word));
    named_bot || compatible || impersonal || BOT_WORDS.iter().any(|word| agent.contains(word))
}

/// Whether the place lies inside one of these words.
fn within(agent: &str, at: usize, words: &[&str]) -> bool {
    words.iter().any(|word| agent.match_indices(word).any(|(start, found)| (start..start + found.len()).contains(&at)))
}

/// The user agent that speaks for the visitor: what the library reports, else the header when a browser (or a bot that
/// looks like one) sent it. Headers of server-side libraries say nothing about a visitor.
pub fn of_visitor<'a>(reported: &'a str, header: &'a str) -> &'a str {
    if !reported.is_empty() {
        reported
    } else if header.starts_with("Mozilla/") {
        header
    } else {
        ""
    }
}

/// Systems by the words that name them; the first that fits wins, so the narrower stand first.
const PLATFORMS: &[(&str, &str)] = &[
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("ipod", "ios"),
    ("android", "android"),
    ("windows", "windows"),
    ("cros ", "chromeos"),
    ("mac os x", "macos"),
    ("macintosh", "macos"),
    ("linux", "linux"),
];

/// The operating system's family; empty when the user agent does not say.
pub fn platform(user_agent: &str) -> &'static str {
    family(&lower(user_agent))
}

fn family(agent: &str) -> &'static str {
    PLATFORMS.iter().find(|(word, _)| agent.contains(word)).map_or("", |(_, platform)| platform)
}

fn lower(user_agent: &str) -> String {
    let end = (0..=user_agent.len().min(USER_AGENT_BYTES_MAX)).rev().find(|end| user_agent.is_char_boundary(*end));
    user_agent[..end.unwrap_or(0)].to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSERS: &[(&str, &str)] = &[
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
            "macos",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
            "ios",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
            "android",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "linux"),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
            "chromeos",
        ),
        (
            "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/100.0 Mobile Safari/537.36",
            "android",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
            "windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
            "android",
        ),
        ("Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "windows"),
        ("", ""),
    ];

    #[test]
    fn browsers_are_not_bots() {
        for (agent, family) in BROWSERS {
            assert!(!is_bot(agent), "{agent}");
            assert_eq!(platform(agent), *family, "{agent}");
        }
    }

    #[test]
    fn bots_are_marked() {
        for agent in [
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
            "curl/8.5.0",
            "python-requests/2.32",
            "CUBOT-bot/1.0",
        ] {
            assert!(is_bot(agent), "{agent}");
        }
    }

    #[test]
    fn libraries_on_servers_do_not_make_visitors_bots() {
        assert_eq!(of_visitor("", "analytics-python/2.3.2"), "");
        assert_eq!(of_visitor("Firefox", "analytics-node/2.0"), "Firefox");
        assert_eq!(of_visitor("", "Mozilla/5.0 (compatible; bingbot/2.0)"), "Mozilla/5.0 (compatible; bingbot/2.0)");
    }

    #[test]
    fn long_and_odd_agents_are_read_in_part() {
        assert!(is_bot(&format!("bot{}", "é".repeat(2_000))));
        assert!(!is_bot(&format!("Mozilla/5.0 (X11; Linux) {}bot", "é".repeat(2_000))));
    }
}
