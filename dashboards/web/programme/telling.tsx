// What `describe` says things of a programme with, on a page.
import { useSaying } from '../boxoffice/saying';
import type { Telling } from './describe';
import { useWhole } from './plan';
import { usePlanWords } from './words';

export function useTelling(): Telling {
  const known = useWhole();
  const titleIn = (all: { id: string; title: string }[] | undefined) => (id: string) =>
    all?.find((one) => one.id === id)?.title ?? id;
  return {
    words: usePlanWords(),
    say: useSaying(),
    roomOf: titleIn(known?.rooms),
    trackOf: titleIn(known?.tracks),
  };
}
