// A change of a thing that somebody else may be changing too: sent with the tag under which it was read.
import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask, type Method, Refusal } from '../server/http';
import { type Read, readAt } from '../server/queries';

interface Change<T> {
  path: string;
  method: Method;
  /** The thing as it was read; null for one that must not be there yet. */
  seen: Read<T> | null;
  /** What was read under these is old once it is changed. */
  kept: readonly QueryKey[];
  onDone?: () => void;
}

/** Sends changes; when one is refused because of another that came first, `theirs` is the thing as it is then. */
export function useChange<T, Body extends object>({ path, method, seen, kept, onDone }: Change<T>) {
  const client = useQueryClient();
  const [theirs, setTheirs] = useState<Read<T>>();
  const [wanted, setWanted] = useState<Body>();
  const send = useMutation({
    mutationFn: ({ body, tag }: { body: Body; tag: string | undefined }) =>
      ask<T>(method, path, { body, seen: tag, fresh: tag === undefined && seen === null }),
    onSuccess: async () => {
      setTheirs(undefined);
      onDone?.();
      await Promise.all(kept.map((queryKey) => client.invalidateQueries({ queryKey })));
    },
    onError: async (error) => {
      if (error instanceof Refusal && error.code === 'changed') setTheirs(await readAt<T>(path));
    },
  });
  const save = (body: Body) => {
    setWanted(body);
    send.mutate({ body, tag: (theirs ?? seen)?.tag });
  };
  return {
    save,
    /** Sends the same again, over what came first. */
    saveOver: () => {
      if (wanted) send.mutate({ body: wanted, tag: theirs?.tag });
    },
    /** Forgets the own change: the thing is read anew. */
    giveUp: async () => {
      setTheirs(undefined);
      send.reset();
      await Promise.all(kept.map((queryKey) => client.invalidateQueries({ queryKey })));
    },
    theirs,
    wanted,
    saved: send.isSuccess,
    pending: send.isPending,
    /** What went wrong, unless it is the conflict that `theirs` tells of. */
    error: theirs ? null : send.error,
  };
}
