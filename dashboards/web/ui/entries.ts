// Changes of a short list that a form edits in place. Pure: the new list is handed on.

export interface Entries<T> {
  put: (place: number, part: Partial<T>) => void;
  add: (one: T) => void;
  remove: (place: number) => void;
  /** Changes places with the one before; the first stays. */
  up: (place: number) => void;
}

export function entries<T>(all: readonly T[], onChange: (all: T[]) => void): Entries<T> {
  return {
    put: (place, part) => onChange(all.map((one, other) => (other === place ? { ...one, ...part } : one))),
    add: (one) => onChange([...all, one]),
    remove: (place) => onChange(all.filter((_, other) => other !== place)),
    up: (place) =>
      onChange(
        all.map((one, other) => {
          if (other === place) return all[place - 1] ?? one;
          return other === place - 1 ? (all[place] ?? one) : one;
        }),
      ),
  };
}
