// The end of a list that is read page by page.
import type { Rows } from '../server/rows';
import { useWords } from '../words/words';
import { Button } from './basics';

export function More({ of }: { of: Pick<Rows<unknown>, 'more' | 'loading'> }) {
  const words = useWords();
  if (!of.more) return null;
  return (
    <Button className="mt-3" onClick={of.more} disabled={of.loading}>
      {words.more}
    </Button>
  );
}
