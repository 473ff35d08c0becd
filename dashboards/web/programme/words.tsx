// The words of the programme in the language of the page, loaded with its pages.
import { use } from 'react';
import { en, type Words } from '../words/programme/en';
import { useLanguage } from '../words/words';

const spoken = new Map<string, Promise<Words>>([['en', Promise.resolve(en)]]);

function load(language: string): Promise<Words> {
  let words = spoken.get(language);
  if (!words) {
    words =
      language === 'de' ? import('../words/programme/de').then((loaded) => loaded.de) : Promise.resolve(en);
    spoken.set(language, words);
  }
  return words;
}

/** Waits, as every lazy part does, while the language is loaded. */
export const usePlanWords = (): Words => use(load(useLanguage()));
