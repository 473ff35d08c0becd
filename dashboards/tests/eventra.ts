// A real server of its own for a test: started, fed, killed, started again, and asked for sign-in links.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The binary under test: the environment names it, or the debug build in cargo's target folder is taken. */
export const BINARY =
  process.env['EVENTRA'] ??
  join(process.env['CARGO_TARGET_DIR'] ?? join(import.meta.dirname, '../../target'), 'debug/eventra');

export const isThere = existsSync(BINARY);

/** How long the server may take to start, milliseconds: a debug build that also starts ClickHouse. */
const START_WITHIN_MS = 60_000;

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (typeof address !== 'object' || !address) throw new Error('no port is free');
  return address.port;
}

export class Eventra {
  readonly folder = mkdtempSync(join(tmpdir(), 'eventra-pages-'));
  private process: ChildProcess | null = null;
  private readonly others: ChildProcess[] = [];
  private said = '';
  readonly port: number;
  /** What it is started with beyond its folder and address. */
  more: string[] = [];

  private constructor(port: number) {
    this.port = port;
  }

  /** Starts one; `more` are settings, which may name the address that it will have. */
  static async start(more: (url: string) => string[] = () => []): Promise<Eventra> {
    const eventra = new Eventra(await freePort());
    eventra.more = more(eventra.url);
    await eventra.serve();
    return eventra;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  private arguments(...rest: string[]): string[] {
    return ['--data-dir', this.folder, '--listen', `127.0.0.1:${this.port}`, ...rest];
  }

  /** Starts the server in its folder, and waits until it is ready. */
  async serve(): Promise<void> {
    const process = spawn(BINARY, this.arguments('serve', ...this.more), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = process;
    const keep = (text: Buffer) => (this.said = (this.said + text.toString()).slice(-20_000));
    process.stdout.on('data', keep);
    process.stderr.on('data', keep);
    const until = Date.now() + START_WITHIN_MS;
    while (Date.now() < until) {
      if (process.exitCode !== null) break;
      const ready = await fetch(`${this.url}/readyz`).catch(() => null);
      if (ready?.ok) return;
      await new Promise((done) => setTimeout(done, 100));
    }
    throw new Error(`eventra did not start:\n${this.said}`);
  }

  /** Kills it as a power failure would. */
  async kill(): Promise<void> {
    const process = this.process;
    if (!process || process.exitCode !== null) return;
    const gone = new Promise((done) => process.once('exit', done));
    process.kill('SIGKILL');
    await gone;
  }

  /** Runs a command against the running server; what it printed. */
  async command(...words: string[]): Promise<string> {
    const { stdout } = await run(BINARY, this.arguments(...words));
    return stdout;
  }

  /** Lets a conference go on in the background. */
  simulate(...words: string[]): void {
    this.others.push(spawn(BINARY, this.arguments('simulate', ...words), { stdio: 'ignore' }));
  }

  async stop(): Promise<void> {
    for (const other of this.others) other.kill('SIGKILL');
    const process = this.process;
    if (process && process.exitCode === null) {
      const gone = new Promise((done) => process.once('exit', done));
      process.kill('SIGTERM');
      const impatient = setTimeout(() => process.kill('SIGKILL'), 20_000);
      await gone;
      clearTimeout(impatient);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
