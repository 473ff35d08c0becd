// Things of a programme as lines of text: what two people who change the same see of each other.
import type { Saying } from '../boxoffice/describe';
import { localIn } from '../words/format';
import type { Words } from '../words/programme/en';
import type { FormSpec } from './questions';
import type { Page, Room, Session, Speaker, Track } from './server';

type Lines = [name: string, text: string][];

export interface Telling {
  words: Words;
  say: Saying;
  /** What a room or track is called. */
  roomOf: (id: string) => string;
  trackOf: (id: string) => string;
}

const number = (value: number | null) => (value === null ? '' : String(value));

export const pageLines =
  ({ words: { page: words } }: Telling) =>
  (it: Page): Lines => [
    [words.format, words.formats[it.format] ?? it.format],
    [words.summary, it.summary],
    [words.description, it.description],
    [words.venue, it.venue],
    [words.street, it.address.street],
    [words.postalCode, it.address.postal_code],
    [words.locality, it.address.locality],
    [words.country, it.address.country],
    [words.online, it.online],
    [words.picture, it.picture],
    [words.pictureText, it.picture_text],
    [words.language, it.language],
    [words.tags, it.tags.join('\n')],
  ];

export const roomLines =
  ({ words }: Telling) =>
  (it: Room): Lines => [
    [words.name, it.title],
    [words.rooms.description, it.description],
    [words.rooms.capacity, number(it.capacity)],
    [words.rooms.rank, number(it.rank)],
  ];

export const trackLines =
  ({ words }: Telling) =>
  (it: Track): Lines => [
    [words.name, it.title],
    [words.tracks.color, it.color],
  ];

export const speakerLines =
  ({ words }: Telling) =>
  (it: Speaker): Lines => [
    [words.name, it.name],
    [words.speakers.affiliation, it.affiliation],
    [words.speakers.biography, it.biography],
    [words.speakers.picture, it.picture],
    [words.speakers.links, it.links.map((one) => `${one.title} ${one.url}`.trim()).join('\n')],
  ];

export const sessionLines =
  ({ words: all, say, roomOf, trackOf }: Telling) =>
  (it: Session): Lines => {
    const words = all.sessions;
    const time = (at: string) => localIn(say.format.zone, new Date(at)).replace('T', ' ');
    const times = (list: string[]) => list.map(time).join('\n');
    return [
      [words.name, it.title],
      [words.subtitle, it.subtitle],
      [words.summary, it.summary],
      [words.description, it.description],
      [words.kind, it.kind],
      [words.starts, time(it.starts)],
      [words.ends, time(it.ends)],
      [words.room, it.room === null ? '' : roomOf(it.room)],
      [words.track, it.track === null ? '' : trackOf(it.track)],
      [words.speakers, it.speakers.join(', ')],
      [words.capacity, number(it.capacity)],
      [words.language, it.language],
      [words.url, it.url],
      [words.cancelled, it.cancelled ? say.yes : ''],
      [words.materials, it.materials.map((one) => `${one.title} ${one.url}`.trim()).join('\n')],
      [all.again.rule, it.recurrence?.rule ?? ''],
      [all.again.except, times(it.recurrence?.except ?? [])],
      [all.again.also, times(it.recurrence?.also ?? [])],
    ];
  };

export const formLines =
  ({ words: all, say }: Telling) =>
  (it: FormSpec): Lines => {
    const words = all.forms;
    const field = (one: FormSpec['fields'][number]) =>
      [
        one.label,
        words.kinds[one.kind],
        one.required ? words.required : '',
        one.options.map((option) => option.label).join(' / '),
        one.when ? `${one.when.field}: ${one.when.is.join(' / ')}` : '',
      ]
        .filter(Boolean)
        .join(' · ');
    return [
      [all.name, it.title],
      [words.asked, words.askeds[it.asked] ?? it.asked],
      [words.products, it.products.map((id) => say.titleOf(id)).join(', ')],
      [words.fields, it.fields.map(field).join('\n')],
      [words.isWithdrawn, it.withdrawn ? say.yes : ''],
    ];
  };
