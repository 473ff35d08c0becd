// What scans come to, in the words that the scanner and the organizer's pages share.
import type { Outcome } from '../scan/rule';

type Outcomes = Readonly<Record<Outcome, string>>;

export const outcomesEn: Outcomes = {
  admitted: 'Let in',
  left: 'Left',
  duplicate: 'Already in',
  replaced: 'Replaced ticket',
  cancelled: 'Cancelled',
  wrong_door: 'Not for this door',
  not_now: 'Not at this time',
  too_early: 'Too early',
  too_late: 'Too late',
  voided: 'Taken back',
  wrong_event: 'Another event',
  unknown: 'No ticket of ours',
};

export const outcomesDe: Outcomes = {
  admitted: 'Eingelassen',
  left: 'Hinaus',
  duplicate: 'Schon drin',
  replaced: 'Ersetztes Ticket',
  cancelled: 'Storniert',
  wrong_door: 'Nicht für diese Tür',
  not_now: 'Nicht zu dieser Zeit',
  too_early: 'Zu früh',
  too_late: 'Zu spät',
  voided: 'Zurückgenommen',
  wrong_event: 'Andere Veranstaltung',
  unknown: 'Kein Ticket von uns',
};
