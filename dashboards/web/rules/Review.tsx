// What will change when the rules are published, before they are.
import { useMemo } from 'react';
import { Card } from '../ui/basics';
import { useWords } from '../words/words';
import { diff, hunks, type Line } from './diff';

export function Review({ before, after }: { before: string; after: string }) {
  const words = useWords().rules;
  const shown = useMemo(() => hunks(diff(before, after)), [before, after]);
  if (before === after) return <p className="text-soft text-sm">{words.same}</p>;
  return (
    <Card title={words.reviewTitle}>
      <div
        className="border-line overflow-x-auto rounded-lg border font-mono text-xs"
        tabIndex={0}
        role="group"
        aria-label={words.reviewTitle}
      >
        {shown.map((hunk, place) =>
          'skipped' in hunk ? (
            <p key={place} className="bg-sunk text-soft px-3 py-1 font-sans">
              {words.unchanged(hunk.skipped)}
            </p>
          ) : (
            <ul key={place}>
              {hunk.lines.map((line, at) => (
                <Changed key={at} line={line} />
              ))}
            </ul>
          ),
        )}
      </div>
    </Card>
  );
}

function Changed({ line }: { line: Line }) {
  const words = useWords().rules;
  const looks = { '+': 'bg-good-sunk text-good', '-': 'bg-bad-sunk text-bad', ' ': '' };
  const said = { '+': words.added, '-': words.removed, ' ': '' };
  return (
    <li className={`px-3 py-0.5 whitespace-pre ${looks[line.sign]}`}>
      {line.sign !== ' ' && <span className="sr-only">{said[line.sign]}: </span>}
      <span aria-hidden>{line.sign} </span>
      {line.text}
    </li>
  );
}
