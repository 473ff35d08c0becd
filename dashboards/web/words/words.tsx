// The language and zone of what is shown: the person's choice, else the organization's, else the browser's.
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from 'react';
import { en, type Words } from './en';
import { formatFor, type Format } from './format';

/** The languages that the pages speak, as they name themselves. */
export const LANGUAGES: Readonly<Record<string, string>> = { en: 'English', de: 'Deutsch' };

/** Languages that are written from right to left. None of ours is; the layout is ready for one that is. */
const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

interface Spoken {
  words: Words;
  format: Format;
  language: string;
}

const english: Spoken = { words: en, format: formatFor('en', 'UTC'), language: 'en' };
const Current = createContext<Spoken>(english);

/** The best language that the pages speak among those wanted, in order. */
export function languageOf(wanted: readonly (string | null | undefined)[]): string {
  for (const tag of wanted) {
    const language = tag?.split('-')[0]?.toLowerCase();
    if (language && language in LANGUAGES) return language;
  }
  return 'en';
}

/** Speaks to everything below in the first known of `wanted`, with times in `zone`. */
export function Speaking(props: {
  wanted: (string | null | undefined)[];
  zone: string;
  children: ReactNode;
}) {
  const language = languageOf([...props.wanted, ...navigator.languages]);
  const [words, setWords] = useState<{ language: string; words: Words }>({ language: 'en', words: en });
  useEffect(() => {
    let gone = false;
    if (language === 'de') {
      void import('./de').then((loaded) => {
        if (!gone) setWords({ language, words: loaded.de });
      });
    } else {
      setWords({ language: 'en', words: en });
    }
    return () => {
      gone = true;
    };
  }, [language]);
  useEffect(() => {
    document.documentElement.lang = words.language;
    // `?dir=rtl` shows the layout as a right-to-left language would.
    const forced = new URLSearchParams(window.location.search).get('dir');
    document.documentElement.dir = forced === 'rtl' || RIGHT_TO_LEFT.has(words.language) ? 'rtl' : 'ltr';
  }, [words.language]);
  // A regional form of the language (en-GB) decides how dates look.
  const tag = navigator.languages.find((one) => one.startsWith(words.language)) ?? words.language;
  const spoken = useMemo(
    () => ({ words: words.words, language: words.language, format: formatFor(tag, props.zone) }),
    [words, tag, props.zone],
  );
  // A first picture in the wrong language would jump a moment later.
  if (words.language !== language) return null;
  return <Current value={spoken}>{props.children}</Current>;
}

/** Shows times to everything below in another zone: that of an event. */
export function InZone({ zone, children }: { zone: string; children: ReactNode }) {
  const around = use(Current);
  const spoken = useMemo(
    () => ({ ...around, format: formatFor(around.format.language, zone) }),
    [around, zone],
  );
  return <Current value={spoken}>{children}</Current>;
}

export const useWords = (): Words => use(Current).words;
/** The language that is spoken, as `en`. */
export const useLanguage = (): string => use(Current).language;
export const useFormat = (): Format => use(Current).format;
