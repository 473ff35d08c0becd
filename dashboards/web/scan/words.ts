// What the scanner says, in the languages of the pages. Small and apart, so that a device keeps little.
import { outcomesDe, outcomesEn } from '../words/outcomes';
import type { Outcome } from './rule';

const en = {
  outcome: outcomesEn,
  explained: {
    admitted: '',
    left: '',
    duplicate: 'Somebody was let in with this ticket before.',
    replaced: 'This ticket was passed on or replaced: a newer one is valid.',
    cancelled: 'This ticket was cancelled.',
    wrong_door: 'This ticket is for other doors.',
    not_now: 'This ticket is for this door, at another time.',
    too_early: 'This ticket does not let in yet.',
    too_late: 'This ticket does not let in any more.',
    voided: 'The scan was a mistake and does not count.',
    wrong_event: 'This ticket is for another event.',
    unknown: 'This code is not a ticket that was sold here.',
  } satisfies Record<Outcome, string>,
  show: 'Show a ticket',
  starting: 'Starting…',
  connected: 'Connected',
  alone: 'No connection: this device decides',
  refused: 'The server refuses this device',
  waiting: (n: number) => `${n} to be sent`,
  never: 'This device needs a connection once, before it can decide alone.',
  signIn: 'Sign in',
  revoked: 'The link of this device was revoked or has ended. Ask an organizer for another one.',
  forbidden: 'You may not check tickets of this event.',
  noDoors: 'This event has no doors yet. An organizer adds them at its box office.',
  nowhere: 'No event is known on this device. Open the link that an organizer gave you.',
  clock: (seconds: number) =>
    `The clock of this device is ${Math.abs(seconds)} s ${seconds > 0 ? 'fast' : 'slow'}. Set it right: it decides who was first.`,
  direction: 'Direction',
  entry: 'In',
  exit: 'Out',
  camera: 'Start the camera',
  cameraDenied: 'The camera may not be used. Allow it for this site, or type codes.',
  cameraAbsent: 'There is no camera that can be used here. Type codes.',
  torch: 'Light',
  code: 'Code of a ticket',
  check: 'Check',
  search: 'Name, order or ticket',
  find: 'Find',
  none: 'Nobody was found.',
  needsLine: 'This needs a connection.',
  letIn: 'Let in',
  letOut: 'Let out',
  state: { expected: 'not in yet', inside: 'in', outside: 'left', void: 'not valid here' },
  takeBack: 'Take back',
  counts: (inside: string, admitted: string) => `${inside} in · ${admitted} let in`,
  at: (time: string, gate: string, device: string) => [time, gate, device].filter(Boolean).join(' · '),
  decided: 'decided by this device',
  corrected: 'Turned out otherwise',
  correctedHint: 'Other devices were first while this one had no connection.',
  was: (was: string, now: string) => `${was} → ${now}`,
  dismiss: 'Seen',
  settings: 'Door and device',
  door: 'Door',
  gate: 'Where you stand',
  device: 'Name of this device',
  kept: (reach: string) => `Reflects the log up to ${reach}.`,
};

export type Words = typeof en;

const de: Words = {
  outcome: outcomesDe,
  explained: {
    admitted: '',
    left: '',
    duplicate: 'Mit diesem Ticket wurde schon jemand eingelassen.',
    replaced: 'Dieses Ticket wurde weitergegeben oder ersetzt: ein neueres gilt.',
    cancelled: 'Dieses Ticket wurde storniert.',
    wrong_door: 'Dieses Ticket ist für andere Türen.',
    not_now: 'Dieses Ticket ist für diese Tür, zu anderer Zeit.',
    too_early: 'Dieses Ticket gilt noch nicht.',
    too_late: 'Dieses Ticket gilt nicht mehr.',
    voided: 'Der Scan war ein Versehen und zählt nicht.',
    wrong_event: 'Dieses Ticket ist für eine andere Veranstaltung.',
    unknown: 'Dieser Code ist kein hier verkauftes Ticket.',
  },
  show: 'Ticket zeigen',
  starting: 'Startet…',
  connected: 'Verbunden',
  alone: 'Keine Verbindung: dieses Gerät entscheidet',
  refused: 'Der Server weist dieses Gerät ab',
  waiting: (n) => `${n} zu senden`,
  never: 'Dieses Gerät braucht einmal eine Verbindung, bevor es allein entscheiden kann.',
  signIn: 'Anmelden',
  revoked: 'Der Link dieses Geräts wurde widerrufen oder ist abgelaufen. Bitten Sie um einen anderen.',
  forbidden: 'Sie dürfen Tickets dieser Veranstaltung nicht prüfen.',
  noDoors: 'Diese Veranstaltung hat noch keine Türen. Wer sie ausrichtet, legt sie an der Kasse an.',
  nowhere: 'Auf diesem Gerät ist keine Veranstaltung bekannt. Öffnen Sie den Link, den Sie bekommen haben.',
  clock: (seconds) =>
    `Die Uhr dieses Geräts geht ${Math.abs(seconds)} s ${seconds > 0 ? 'vor' : 'nach'}. Stellen Sie sie: sie entscheidet, wer zuerst war.`,
  direction: 'Richtung',
  entry: 'Hinein',
  exit: 'Hinaus',
  camera: 'Kamera starten',
  cameraDenied: 'Die Kamera darf nicht benutzt werden. Erlauben Sie es, oder tippen Sie Codes ein.',
  cameraAbsent: 'Hier ist keine Kamera nutzbar. Tippen Sie Codes ein.',
  torch: 'Licht',
  code: 'Code eines Tickets',
  check: 'Prüfen',
  search: 'Name, Bestellung oder Ticket',
  find: 'Suchen',
  none: 'Niemand gefunden.',
  needsLine: 'Das braucht eine Verbindung.',
  letIn: 'Einlassen',
  letOut: 'Hinauslassen',
  state: { expected: 'noch nicht da', inside: 'drin', outside: 'gegangen', void: 'gilt hier nicht' },
  takeBack: 'Zurücknehmen',
  counts: (inside, admitted) => `${inside} drin · ${admitted} eingelassen`,
  at: en.at,
  decided: 'von diesem Gerät entschieden',
  corrected: 'Es kam anders',
  correctedHint: 'Andere Geräte waren früher, während dieses keine Verbindung hatte.',
  was: en.was,
  dismiss: 'Gesehen',
  settings: 'Tür und Gerät',
  door: 'Tür',
  gate: 'Wo Sie stehen',
  device: 'Name dieses Geräts',
  kept: (reach) => `Stand des Logs: ${reach}.`,
};

const LANGUAGES: Readonly<Record<string, Words>> = { en, de };

/** The words in the first language of the browser that the pages speak. */
export function spoken(wanted: readonly string[]): { language: string; words: Words } {
  for (const tag of wanted) {
    const language = tag.split('-')[0] ?? '';
    const words = LANGUAGES[language];
    if (words) return { language, words };
  }
  return { language: 'en', words: en };
}
