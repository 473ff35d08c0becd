// The scanner for doors, at /scan/ORGANIZATION/EVENT: a ticket is shown, and a large answer is.
import { Camera } from './camera';
import { type Answer, CLOCK_OFF_MS, type Correction, Device } from './device';
import type { Outcome } from './rule';
import { type Found, Refused } from './server';
import { allowSound, signal, TONES } from './signal';
import { spoken } from './words';
import './scan.css';

const { language, words } = spoken(navigator.languages);
document.documentElement.lang = language;
// A regional form of the language (en-GB) decides how times look.
const locale = navigator.languages.find((tag) => tag.startsWith(language)) ?? language;
for (const element of document.querySelectorAll<HTMLElement>('[data-word]')) {
  const word = words[element.dataset['word'] as keyof typeof words];
  if (typeof word === 'string') element.textContent = word;
}

/** An element of the document, which names it. */
function the<T extends HTMLElement = HTMLElement>(id: string, kind?: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new Error(`the document has no such #${id}`);
  return element as T;
}

const title = the('title');
const line = the('line');
const panel = the('answer');
const video = the('video', HTMLVideoElement);
const door = the('door', HTMLSelectElement);
const gate = the('gate', HTMLInputElement);
const deviceName = the('device', HTMLInputElement);
const code = the('code', HTMLInputElement);
const signs: Record<string, string> = { good: '✓', plain: '↩', warn: '!', bad: '✕' };

let device: Device;
let shown: Answer | null = null;

const isExit = () =>
  document.querySelector<HTMLInputElement>('input[name="way"][value="out"]')?.checked === true;
const number = (value: number) => value.toLocaleString(locale);

function timeOf(micros: number): string {
  const timeZone = device.meta.sync?.zone;
  const options: Intl.DateTimeFormatOptions = {
    dateStyle: isToday(micros) ? undefined : 'short',
    timeStyle: 'medium',
    timeZone,
  };
  return new Date(micros / 1_000).toLocaleString(locale, options);
}

const isToday = (micros: number) => new Date(micros / 1_000).toDateString() === new Date().toDateString();

/** Shows what came of a ticket: in colour, words, sound and vibration. */
function show(answer: Answer): void {
  shown = answer;
  const { outcome, product, holder, first, alone } = answer;
  panel.dataset['tone'] = TONES[outcome];
  panel.dataset['outcome'] = outcome;
  the('sign').textContent = signs[TONES[outcome]] ?? '';
  the('outcome').textContent = words.outcome[outcome];
  const decided = alone && answer.ticket !== null ? words.decided : '';
  const parts = [holder, product, words.explained[outcome], decided];
  the('detail').textContent = parts.filter(Boolean).join(' · ');
  the('first').textContent = first
    ? words.at(timeOf(first.at), first.gate || (device.door?.title ?? ''), first.device)
    : '';
  the('undo').hidden = outcome !== 'admitted' && outcome !== 'left';
  signal(outcome);
  render();
}

function idle(): void {
  panel.dataset['tone'] = 'idle';
  delete panel.dataset['outcome'];
  the('sign').textContent = '';
  the('outcome').textContent = words.show;
  the('detail').textContent = the('first').textContent = '';
  the('undo').hidden = true;
}

function trouble(text: string, link?: { text: string; to: string }): void {
  const element = the('trouble');
  element.hidden = text === '';
  const wanted = [text, link?.text].join(' ');
  // Said once: an alert that is written again is read again.
  if (element.dataset['said'] === wanted) return;
  element.dataset['said'] = wanted;
  element.replaceChildren(text);
  if (!link) return;
  const anchor = document.createElement('a');
  anchor.href = link.to;
  anchor.textContent = link.text;
  element.append(' ', anchor);
}

/** Brings the page to what the device knows. */
function render(): void {
  const { sync } = device.meta;
  title.textContent = sync?.title ?? 'Eventra';
  document.title = `${sync?.title ?? ''} · Eventra`;
  const waits = device.waiting > 0 ? ` · ${words.waiting(device.waiting)}` : '';
  const said = words[device.line] + waits;
  if (line.textContent !== said) line.textContent = said;
  line.dataset['line'] = device.line;
  line.dataset['waiting'] = String(device.waiting);
  the('work').hidden = !device.isReady || !device.door;
  renderTrouble();
  const counts = device.counts;
  const counted = `${device.door?.title ?? ''}: ${words.counts(number(counts.inside), number(counts.admitted))}`;
  if (the('counts').textContent !== counted) the('counts').textContent = counted;
  renderSettings();
  renderCorrections();
}

function renderTrouble(): void {
  if (device.line === 'refused') {
    const signIn = { text: words.signIn, to: `/sign-in?to=${encodeURIComponent(location.pathname)}` };
    if (device.meta.secret !== null) trouble(words.revoked);
    else if (device.isSignedOut) trouble(words.refused, signIn);
    else trouble(`${words.forbidden} ${device.refusal}`, signIn);
  } else if (!device.isReady) trouble(device.line === 'alone' ? words.never : '');
  else if (!device.door) trouble(words.noDoors);
  else if (Math.abs(device.ahead) > CLOCK_OFF_MS) trouble(words.clock(Math.round(device.ahead / 1_000)));
  else trouble('');
}

function renderSettings(): void {
  const { sync, device: name } = device.meta;
  const doors = sync?.doors ?? [];
  const options = doors.map(({ id, title: text }) => `${id}\n${text}`).join('\n');
  if (door.dataset['options'] !== options) {
    door.dataset['options'] = options;
    door.replaceChildren(...doors.map(({ id, title: text }) => new Option(text, id)));
  }
  door.value = device.meta.door;
  if (document.activeElement !== gate) gate.value = device.meta.gate;
  // A device with a link of its own has the name that the organizer gave it.
  deviceName.readOnly = typeof sync?.device === 'string';
  if (document.activeElement !== deviceName) deviceName.value = name;
  the('kept').textContent = sync ? words.kept(sync.offset) : '';
}

function renderCorrections(): void {
  const { corrections } = device;
  const list = the('corrections');
  the('corrected').hidden = corrections.length === 0;
  const known = corrections.map(({ scan, outcome }) => scan + outcome).join(' ');
  if (list.dataset['known'] === known) return;
  if (corrections.length > 0 && list.dataset['known'] !== undefined) signal('duplicate');
  list.dataset['known'] = known;
  list.replaceChildren(...corrections.map(correctionRow));
}

function correctionRow(correction: Correction): HTMLLIElement {
  const { was, outcome, product, at, ticket, first } = correction;
  const row = document.createElement('li');
  const strong = document.createElement('strong');
  strong.textContent = words.was(words.outcome[was], words.outcome[outcome]);
  const about = document.createElement('span');
  about.className = 'soft';
  const before = first ? ` ← ${words.at(timeOf(first.at), first.gate, first.device)}` : '';
  about.textContent = `${product} · ${timeOf(at)} · ${ticket.slice(0, 8)}${before}`;
  row.append(strong, about);
  return row;
}

async function check(text: string): Promise<void> {
  if (!device.isReady || !device.door) return;
  show(await device.scan(text, isExit()));
}

/** Does what needs a connection, and says so where there is none. */
async function online<T>(what: () => Promise<T>): Promise<T | undefined> {
  try {
    return await what();
  } catch (error) {
    the('search-said').textContent = error instanceof Refused ? error.message : words.needsLine;
    return undefined;
  }
}

async function find(text: string): Promise<void> {
  the('search-said').textContent = '';
  the('found').replaceChildren();
  const found = await online(() => device.search<Found[]>(text));
  if (!found) return;
  if (found.length === 0) the('search-said').textContent = words.none;
  the('found').replaceChildren(...found.map(foundRow));
}

function foundRow(row: Found): HTMLLIElement {
  const element = document.createElement('li');
  const about = document.createElement('span');
  about.textContent = `${row.holder || row.order} · ${device.titleOf(row.product)} · ${words.state[row.state]}`;
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = isExit() ? words.letOut : words.letIn;
  button.ariaLabel = `${button.textContent} ${row.holder || row.order}`;
  button.addEventListener('click', () => {
    void online(async () => {
      show(await device.byHand(row.id, isExit()));
      element.remove();
    });
  });
  element.append(about, button);
  return element;
}

function listen(): void {
  // With the first touch, whatever it is: browsers let nobody sound before.
  document.addEventListener('pointerdown', allowSound);
  document.addEventListener('keydown', allowSound);
  const camera = new Camera(video, check);
  the('start').addEventListener('click', () => void startCamera(camera));
  the('torch').addEventListener('click', () => {
    const torch = the('torch');
    const on = torch.ariaPressed !== 'true';
    torch.ariaPressed = String(on);
    void camera.light(on);
  });
  the('typed').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = code.value;
    code.value = '';
    void check(text);
  });
  the('search').addEventListener('submit', (event) => {
    event.preventDefault();
    void find(the('name', HTMLInputElement).value);
  });
  the('take-back').addEventListener('click', () => void takeBack());
  the('dismiss').addEventListener('click', () => void device.dismiss());
  door.addEventListener('change', () => void device.remember({ door: door.value }).then(idle));
  gate.addEventListener('change', () => void device.remember({ gate: gate.value.trim() }));
  deviceName.addEventListener('change', () => void device.remember({ device: deviceName.value.trim() }));
}

async function takeBack(): Promise<void> {
  const answer = shown;
  if (!answer) return;
  const done = await online(async () => {
    await device.takeBack(answer);
    return true;
  });
  if (done) show({ ...answer, outcome: 'voided' satisfies Outcome, first: null });
}

async function startCamera(camera: Camera): Promise<void> {
  const said = the('camera-trouble');
  said.hidden = true;
  try {
    await camera.start();
    the('start').hidden = true;
    the('torch').hidden = !camera.hasTorch;
  } catch (error) {
    said.hidden = false;
    const denied = error instanceof DOMException && error.name === 'NotAllowedError';
    said.textContent = denied ? words.cameraDenied : words.cameraAbsent;
  }
}

/** The events that this device has scanned at: where it begins when it is opened from the home screen. */
async function choose(): Promise<void> {
  const kept = 'databases' in indexedDB ? await indexedDB.databases() : [];
  const events = kept.flatMap(({ name }) => {
    const [, organization, event] = /^eventra-scan (\S+) (\S+)$/.exec(name ?? '') ?? [];
    return organization !== undefined && event !== undefined ? [`/scan/${organization}/${event}`] : [];
  });
  const [only] = events;
  if (events.length === 1 && only !== undefined) {
    location.replace(only);
    return;
  }
  if (events.length === 0) trouble(words.nowhere);
  const list = the('choice');
  list.hidden = events.length === 0;
  list.replaceChildren(
    ...events.map((path) => {
      const [row, anchor] = [document.createElement('li'), document.createElement('a')];
      anchor.href = path;
      anchor.textContent = path.slice('/scan/'.length).replace('/', ' · ');
      row.append(anchor);
      return row;
    }),
  );
}

async function begin(): Promise<void> {
  if ('serviceWorker' in navigator)
    void navigator.serviceWorker.register('/scan/worker.js', { scope: '/scan/' });
  const [, , organization, event] = location.pathname.split('/');
  if (!organization || !event) return choose();
  // The secret of a device's link stays out of the address, of the history and of everybody's sight.
  const secret = new URLSearchParams(location.hash.slice(1)).get('device');
  if (secret !== null) history.replaceState(null, '', location.pathname);
  device = await Device.open(decodeURIComponent(organization), decodeURIComponent(event), secret);
  // What a device has kept must not be thrown away when its storage runs low.
  if ('storage' in navigator && 'persist' in navigator.storage) void navigator.storage.persist();
  device.onChange = render;
  idle();
  listen();
  render();
  device.start();
}

void begin();
