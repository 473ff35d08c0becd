// Rows of a result: thousands of them, of which only those in view are in the document.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import type { Column, Result } from '../server/sql';
import { useWords } from '../words/words';

const ROW_PIXELS = 32;

/** Whether a ClickHouse type is a number, which stands at the end of its cell. */
export const isNumber = (type: string): boolean =>
  /^(Nullable\()?(LowCardinality\()?(U?Int|Float|Decimal)/.test(type);

export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '∅';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function ResultTable({ result }: { result: Result }) {
  const words = useWords().sql;
  const box = useRef<HTMLDivElement>(null);
  const { columns, rows } = result;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 12,
  });
  const shown = virtual.getVirtualItems();
  const before = shown[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    <div
      ref={box}
      tabIndex={0}
      role="group"
      aria-label={words.result}
      className="border-line max-h-[32rem] overflow-auto rounded-lg border"
    >
      <table className="w-full border-collapse text-sm" aria-rowcount={rows.length + 1}>
        <thead className="bg-sunk sticky top-0 z-10">
          <tr>
            {columns.map((column, n) => (
              <th key={n} scope="col" className={`cell-head ${isNumber(column.type) ? 'figure' : ''}`}>
                {column.name} <span className="font-normal">{column.type}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Space height={before} columns={columns.length} />
          {shown.map((item) => (
            <Row key={item.index} index={item.index} cells={rows[item.index] ?? []} columns={columns} />
          ))}
          <Space height={after} columns={columns.length} />
        </tbody>
      </table>
    </div>
  );
}

function Space({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr aria-hidden>
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}

function Row({ index, cells, columns }: { index: number; cells: unknown[]; columns: Column[] }) {
  return (
    <tr aria-rowindex={index + 2} style={{ height: ROW_PIXELS }}>
      {columns.map((column, n) => (
        <td
          key={n}
          className={`border-line max-w-96 truncate border-b px-3 py-1 whitespace-nowrap ${isNumber(column.type) ? 'figure' : ''}`}
        >
          {cellText(cells[n])}
        </td>
      ))}
    </tr>
  );
}
