// The rules as the JSON document that they are, with what is wrong and the way to each line.
import { useMemo, useRef } from 'react';
import { Card, Lines } from '../ui/basics';
import { useFormat, useWords } from '../words/words';
import type { Faults } from './fields';
import { lineAt, linesByPath } from './places';

export function Source(props: {
  text: string;
  unreadable: string | null;
  faults: Faults;
  readOnly: boolean;
  onText: (text: string) => void;
}) {
  const { text, unreadable, faults, readOnly, onText } = props;
  const words = useWords().rules;
  const format = useFormat();
  const area = useRef<HTMLDivElement>(null);
  const places = useMemo(
    () => (unreadable === null ? linesByPath(text) : new Map<string, number>()),
    [text, unreadable],
  );
  const go = (line: number) => {
    const field = area.current?.querySelector('textarea');
    if (field) select(field, line);
  };
  return (
    <div ref={area} className="space-y-4">
      {faults.size > 0 && (
        <Card title={words.faults}>
          <ul className="space-y-1 text-sm">
            {[...faults].map(([path, problem]) => {
              const line = lineAt(places, path);
              return (
                <li key={path} className="text-bad">
                  <button type="button" className="link min-h-6" onClick={() => go(line)}>
                    {words.line(line)}
                  </button>{' '}
                  <code>{path}</code>: {problem}
                </li>
              );
            })}
          </ul>
        </Card>
      )}
      <Lines
        label={words.source}
        hint={format.bytes(text.length)}
        required
        rows={26}
        value={text}
        readOnly={readOnly}
        wrap="off"
        error={unreadable === null ? undefined : `${words.unreadable}: ${unreadable}`}
        onChange={({ target }) => onText(target.value)}
      />
    </div>
  );
}

/** Selects a line and brings it into view. */
function select(field: HTMLTextAreaElement, line: number): void {
  const lines = field.value.split('\n');
  const begin = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  field.focus();
  field.setSelectionRange(begin, begin + (lines[line - 1]?.length ?? 0));
  field.scrollTop = (field.scrollHeight / Math.max(1, lines.length)) * Math.max(0, line - 5);
}
