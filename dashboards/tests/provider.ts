// An OpenID Connect provider for tests: npm's `oidc-provider`, from the cache that the tests of the API fill too.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './eventra.ts';

const VERSION = '8.8.1';

interface Provider {
  callback: () => RequestListener;
}
interface Package {
  Provider: new (issuer: string, configuration: object) => Provider;
}

/** The folder with the package; installed once, under another name until it is whole. */
async function installed(): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'eventra/test');
  const folder = join(cache, `oidc-provider-${VERSION}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const begun = mkdtempSync(join(cache, 'oidc-provider-'));
  const words = ['install', '--no-audit', '--no-fund', '--silent', '--prefix', begun];
  await promisify(execFile)('npm', [...words, `oidc-provider@${VERSION}`]);
  if (!existsSync(folder)) renameSync(begun, folder);
  return folder;
}

export interface Running {
  /** The file of providers for the server under test. */
  toml: string;
  stop: () => void;
}

/** Starts a provider that knows everybody, and knows `eventra` (an address) as a client. */
export async function provide(eventra: string): Promise<Running> {
  const { Provider } = createRequire(join(await installed(), 'x.js'))('oidc-provider') as Package;
  const port = await freePort();
  // Another name of the same machine: cookies do not keep ports apart.
  const issuer = `http://localhost:${port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'eventra',
        client_secret: 'a-secret-of-the-client',
        redirect_uris: [`${eventra}/v1/oidc/house/callback`],
      },
    ],
    cookies: { keys: ['x'] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: id }),
    }),
  });
  const server = createServer(provider.callback());
  await new Promise<void>((done) => server.listen(port, 'localhost', done));
  const toml = [
    '[[provider]]',
    "id = 'house'",
    "name = 'House'",
    `issuer = '${issuer}'`,
    "client_id = 'eventra'",
    "client_secret = 'a-secret-of-the-client'",
  ].join('\n');
  return {
    toml,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
