// A single act on an order: sent once however often it is clicked, and everything of the box office read anew.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ask, type Method, newWish } from '../server/http';
import { useOffice } from './office';
import { key } from './server';

export function useAct(path: string, onDone: () => void, method: Method = 'POST') {
  const { org, event } = useOffice();
  const client = useQueryClient();
  const [wish, setWish] = useState(newWish);
  return useMutation({
    mutationFn: (body: object | undefined) => ask(method, path, { wish, ...(body ? { body } : {}) }),
    onSuccess: async () => {
      setWish(newWish());
      onDone();
      await client.invalidateQueries({ queryKey: key(org, event) });
    },
  });
}
