// Acts on what an organization has: sent once however often they are clicked, and everything read anew afterwards.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask, type Method, newWish } from '../server/http';
import { keyOf } from './organization';

export function useWish<T>(org: string, method: Method, path: string, onDone?: (made: T) => void) {
  const client = useQueryClient();
  const [wish, setWish] = useState(newWish);
  return useMutation({
    mutationFn: (body: object | undefined) => ask<T>(method, path, { wish, ...(body ? { body } : {}) }),
    onSuccess: async ({ data }) => {
      setWish(newWish());
      onDone?.(data);
      await client.invalidateQueries({ queryKey: keyOf(org) });
    },
  });
}
