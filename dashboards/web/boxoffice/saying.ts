// What `describe` says things with, on a page.
import type { Saying } from './describe';
import { useEventFormat, useTitleOf } from './office';
import { useBoxWords } from './words';

export function useSaying(): Saying {
  return { words: useBoxWords(), format: useEventFormat(), yes: '✓', titleOf: useTitleOf() };
}
