// Who looks at this dashboard now, as colleagues see each other.
import { useAnswer } from '../live/hooks';
import { address } from '../server/http';
import { useMe } from '../server/session';
import type { Here } from '../server/types';
import { useFormat, useWords } from '../words/words';
import { useWhere } from './data';

/** Names that fit beside the title. */
const NAMES = 4;

export function Presence() {
  const words = useWords().presence;
  const format = useFormat();
  const { event } = useWhere();
  const myself = useMe()?.user.id;
  const { data } = useAnswer<Here>(address('presence/dashboard', { event, me: 'true' }), 1);
  const users = data?.users ?? [];
  if (users.length === 0) return null;
  const others = users.filter((user) => user.id !== myself);
  const named = [...others.slice(0, NAMES).map((user) => user.name), words.you];
  const rest = (data?.present ?? 0) - named.length;
  const text =
    others.length === 0 ? words.alone : format.list(rest > 0 ? [...named, words.more(rest)] : named);
  return (
    <span
      role="group"
      aria-label={words.label}
      title={words.label}
      className="flex items-center gap-2 text-xs"
    >
      <span aria-hidden className="flex -space-x-1.5 rtl:space-x-reverse">
        {others.slice(0, NAMES).map((user) => (
          <span
            key={user.id}
            className="bg-fill border-page inline-flex size-6 items-center justify-center rounded-full border-2 text-[0.65rem] font-semibold text-white"
          >
            {initials(user.name)}
          </span>
        ))}
      </span>
      <span className="text-soft">{text}</span>
    </span>
  );
}

/** The first letters of the first and the last word, as people read letters: one may be several characters. */
function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  const letters = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return ends
    .map((word) => [...letters.segment(word ?? '')][0]?.segment ?? '')
    .join('')
    .toUpperCase();
}
