// The shop's language: what the buyer chose here, else the browser's. The other language is loaded when it is wanted.
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from 'react';
import { formatFor, type Format } from '../../words/format';
import { en, type Words } from './en';

export const LANGUAGES: Readonly<Record<string, string>> = { en: 'English', de: 'Deutsch' };
const KEY = 'eventra-language';

interface Spoken {
  words: Words;
  language: string;
  /** How dates and numbers look: a regional form of the language where the browser has one. */
  tag: string;
  speak: (language: string) => void;
}

const Current = createContext<Spoken>({ words: en, language: 'en', tag: 'en', speak: () => undefined });

function wanted(): string {
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // Nothing is remembered.
  }
  for (const tag of [chosen, ...navigator.languages]) {
    const language = tag?.split('-')[0]?.toLowerCase();
    if (language && language in LANGUAGES) return language;
  }
  return 'en';
}

export function Speaking({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(wanted);
  const [words, setWords] = useState<{ language: string; words: Words }>({ language: 'en', words: en });
  useEffect(() => {
    let gone = false;
    const loaded = language === 'de' ? import('./de').then((file) => file.de) : Promise.resolve(en);
    void loaded.then((spoken) => {
      if (!gone) setWords({ language, words: spoken });
    });
    return () => {
      gone = true;
    };
  }, [language]);
  useEffect(() => {
    document.documentElement.lang = words.language;
    // `?dir=rtl` shows the layout as a right-to-left language would.
    const forced = new URLSearchParams(window.location.search).get('dir');
    document.documentElement.dir = forced === 'rtl' ? 'rtl' : 'ltr';
  }, [words.language]);
  const spoken = useMemo(() => {
    const tag = navigator.languages.find((one) => one.startsWith(words.language)) ?? words.language;
    const speak = (chosen: string) => {
      setLanguage(chosen);
      try {
        localStorage.setItem(KEY, chosen);
      } catch {
        // It is not remembered, and spoken all the same.
      }
    };
    return { ...words, tag, speak };
  }, [words]);
  // A first picture in the wrong language would jump a moment later.
  if (words.language !== language && words.words === en && language !== 'en') return null;
  return <Current value={spoken}>{children}</Current>;
}

export const useWords = (): Words => use(Current).words;

export const useLanguage = (): Pick<Spoken, 'language' | 'speak'> => use(Current);

/** Numbers, amounts and times, in the zone of the event. */
export const useFormat = (zone = Intl.DateTimeFormat().resolvedOptions().timeZone): Format =>
  formatFor(use(Current).tag, zone);
