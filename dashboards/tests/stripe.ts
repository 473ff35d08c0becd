// PyPI's localstripe beside a test: an imitation of Stripe by people who do not know us (scripts/localstripe installs and starts it).
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How long installing and starting it may take, milliseconds. */
const START_WITHIN_MS = 120_000;

export class Stripe {
  readonly address: string;
  private readonly process: ChildProcess;

  private constructor(process: ChildProcess, address: string) {
    this.process = process;
    this.address = address;
  }

  static async start(): Promise<Stripe> {
    const script = join(import.meta.dirname, '../../scripts/localstripe');
    const child = spawn(script, ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const first = new Promise<string>((told, failed) => {
      lines.once('line', told);
      child.once('exit', () => failed(new Error('localstripe did not start')));
      setTimeout(() => failed(new Error('localstripe takes too long')), START_WITHIN_MS).unref();
    });
    return new Stripe(child, (await first).trim());
  }

  stop(): void {
    this.process.kill();
  }

  /** Asks it with the secret key, as Stripe's own pages would. */
  async ask(
    method: string,
    path: string,
    form: Record<string, string> = {},
  ): Promise<Record<string, unknown>> {
    const response = await fetch(this.address + path, {
      method,
      headers: {
        authorization: 'Bearer sk_test_12345',
        'content-type': 'application/x-www-form-urlencoded',
      },
      ...(method === 'GET' ? {} : { body: new URLSearchParams(form).toString() }),
    });
    return (await response.json()) as Record<string, unknown>;
  }

  /** Gives an intent a card, and asks for the money: its own script cannot send the card that was typed. */
  async card(intent: string, number: string): Promise<string> {
    const card = await this.ask('POST', '/v1/payment_methods', {
      type: 'card',
      'card[number]': number,
      'card[exp_month]': '12',
      'card[exp_year]': '2034',
      'card[cvc]': '123',
    });
    await this.ask('POST', `/v1/payment_intents/${intent}`, { payment_method: String(card['id']) });
    const confirmed = await this.ask('POST', `/v1/payment_intents/${intent}/confirm`);
    return String(confirmed['status']);
  }
}

/** A card whose bank asks its holder. */
export const ASKING_CARD = '4000002500003155';
