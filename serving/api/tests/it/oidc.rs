//! Signing in with a provider: npm's `oidc-provider`, an implementation of its own, and a browser that follows it.

use std::process::Command;

use api::accounts::{Options, Providers};
use records::Span;
use serde_json::{Value, json};

use crate::house::House;
use crate::libraries::{installed, must_run};

const PACKAGE: &str = "oidc-provider@8.8.1";

/// A provider, and browsers that are sent to it by our server. Prints what they saw, as JSON.
const SCRIPT: &str = r#"
import { Provider } from 'oidc-provider';
import http from 'node:http';
const [eventra, port] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: 'eventra', client_secret: 'a-secret-of-the-client',
              redirect_uris: [`${eventra}/v1/oidc/house/callback`, `${eventra}/v1/oidc/open/callback`] }],
  cookies: { keys: ['x'] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({
    sub: id, email: `${id}@example.org`, email_verified: !id.startsWith('unsure'), name: `${id} by name` }) }),
});
const server = http.createServer(provider.callback());

class Browser {
  constructor() { this.jars = new Map(); }
  async fetch(address, options = {}) {
    const url = new URL(address);
    const jar = this.jars.get(url.host) ?? new Map();
    this.jars.set(url.host, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', ...options, headers: { cookie, ...options.headers } });
    for (const set of answer.headers.getSetCookie()) {
      const [pair] = set.split(';');
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(set)) jar.delete(name); else jar.set(name, value);
    }
    return answer;
  }
  // Follows redirects and fills in the provider's forms, until our server shows a page or `until` says so.
  async follow(address, who, until = () => false) {
    for (let step = 0; step < 20; step += 1) {
      if (until(address)) return address;
      const url = new URL(address);
      if (url.origin === eventra && !url.pathname.startsWith('/v1/')) return url.pathname + url.search;
      const answer = await this.fetch(address);
      const on = answer.headers.get('location');
      if (on) { address = new URL(on, address).toString(); continue; }
      const text = await answer.text();
      const form = /<form[^>]*action="([^"]+)"/.exec(text);
      if (!form) return `${answer.status} ${text}`;
      const body = new URLSearchParams();
      const prompt = /name="prompt" value="(\w+)"/.exec(text)[1];
      body.set('prompt', prompt);
      if (prompt === 'login') { body.set('login', who); body.set('password', 'x'); }
      const posted = await this.fetch(new URL(form[1], address), { method: 'POST', body });
      address = new URL(posted.headers.get('location'), address).toString();
    }
    return 'no end';
  }
  async me() {
    const answer = await this.fetch(`${eventra}/v1/me`);
    return answer.status === 200 ? (await answer.json()).data.user : answer.status;
  }
}

(async () => {
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const begin = (provider, to = '/o/acme?x=1') =>
    `${eventra}/v1/oidc/${provider}?return_to=${encodeURIComponent(to)}`;
  const seen = {};
  const ann = new Browser();
  seen.known = [await ann.follow(begin('house'), 'ann'), await ann.me()];
  const again = new Browser();
  seen.again = [await again.follow(begin('house', 'https://evil.example/'), 'ann'), (await again.me()).id];
  const stranger = new Browser();
  seen.stranger = [await stranger.follow(begin('house'), 'nobody'), await stranger.me()];
  const made = new Browser();
  seen.made = [await made.follow(begin('open'), 'newcomer'), await made.me()];
  const unsure = new Browser();
  seen.unsure = [await unsure.follow(begin('open'), 'unsure-ann'), await unsure.me()];
  // Whoever is sent to the end of what another browser has begun is not signed in.
  const attacker = new Browser();
  const end = await attacker.follow(begin('house'), 'ann', (address) => address.includes('/callback?'));
  const victim = new Browser();
  seen.forced = [await victim.follow(end, 'x'), await victim.me()];
  seen.spent = [await attacker.follow(end, 'x'), await attacker.me()];
  const tampered = new Browser();
  const other = await tampered.follow(begin('house'), 'ann', (address) => address.includes('/callback?'));
  seen.tampered = [await tampered.follow(other.replace(/code=[^&]+/, 'code=another'), 'x'), await tampered.me()];
  console.log(JSON.stringify(seen));
  server.close();
  server.closeAllConnections();
})().catch((error) => { console.error(error); process.exit(3); });
"#;

#[test]
fn a_provider_signs_in_whom_it_vouches_for_and_nobody_else() {
    let folder = installed("oidc-provider-8.8.1", |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"]).arg(folder).arg(PACKAGE);
        must_run(&mut npm, "npm install of oidc-provider");
    });
    let script = folder.join("provider.mjs");
    std::fs::write(&script, SCRIPT).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Free when it was asked for; nobody else asks for ports in this second.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let provider = |id: &str, more: &str| {
        format!(
            "[[provider]]\nid = '{id}'\nname = 'Work'\nissuer = 'http://127.0.0.1:{port}'\nclient_id = 'eventra'\n\
             client_secret = 'a-secret-of-the-client'\n{more}\n"
        )
    };
    let providers = provider("house", "") + &provider("open", "register = true");
    let providers = Providers::from_toml(&providers).unwrap();
    let house = House::signing_in(Options::new(Span::from_seconds(3_600), url.clone(), providers));
    // The provider's tokens are of the time that it is.
    house.clock.set(eventlog::clock::Clock::now(&eventlog::clock::SystemClock));
    runtime.spawn(api::server::serve(listener, house.router.clone(), std::future::pending()));
    let ann = runtime.block_on(house.user("ann@example.org", false));
    let output = Command::new("node").arg(&script).args([&url, &port.to_string()]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let seen: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(seen["known"][0], "/o/acme?x=1", "{seen}");
    assert_eq!(seen["known"][1]["id"], ann.to_string());
    assert_eq!(seen["known"][1]["providers"], json!(["house"]));
    assert_eq!(seen["again"], json!(["/", ann.to_string()]), "never on to another site");
    let refused = json!(["/sign-in?problem=provider_refused", 401]);
    assert_eq!(seen["stranger"], refused, "a member of nothing is nobody unless the provider may make users");
    assert_eq!((&seen["made"][0], &seen["made"][1]["name"]), (&json!("/o/acme?x=1"), &json!("newcomer by name")));
    assert_eq!(seen["unsure"], refused, "an address that the provider does not vouch for");
    for (what, why) in [("forced", "another browser"), ("spent", "taken once"), ("tampered", "another code")] {
        assert_eq!(seen[what], refused, "{why}");
    }
}
