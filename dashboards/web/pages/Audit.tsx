// What happened that matters to security, newest first; of one organization, or of all for the platform's admins.
import { useInfiniteQuery } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { auditPage } from '../server/queries';
import type { AuditRow } from '../server/types';
import { Button, Heading, NoData, Table, Th, Trouble } from '../ui/basics';
import { useFormat, useWords } from '../words/words';

export default function Audit() {
  const words = useWords();
  const { organization } = useParams();
  const { data, error, isPending, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['audit', organization ?? null],
    queryFn: ({ pageParam, signal }) => auditPage(organization ?? null, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next ?? null,
  });
  const rows = data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <>
      <Heading
        title={organization ? words.audit.title : `${words.audit.title}: ${words.audit.everywhere}`}
        hint={words.audit.hint}
      />
      <Trouble error={error} />
      {!isPending && !error && rows.length === 0 ? (
        <NoData>{words.audit.none}</NoData>
      ) : (
        <div className="card p-2">
          <Table
            label={words.audit.title}
            head={
              <>
                <Th>{words.audit.at}</Th>
                <Th>{words.audit.by}</Th>
                <Th>{words.audit.act}</Th>
                <Th>{words.audit.about}</Th>
                <Th>{words.audit.detail}</Th>
                <Th>{words.audit.offset}</Th>
              </>
            }
          >
            {rows.map((row) => (
              <Line key={row.offset + row.act} row={row} />
            ))}
          </Table>
        </div>
      )}
      {hasNextPage && (
        <Button className="mt-4" onClick={() => void fetchNextPage()} disabled={isFetchingNextPage}>
          {words.more}
        </Button>
      )}
    </>
  );
}

function Line({ row }: { row: AuditRow }) {
  const format = useFormat();
  const time = new Date(row.at);
  return (
    <tr>
      <td className="cell whitespace-nowrap">
        {format.day(time)} {format.exact(time)}
      </td>
      <td className="cell">{row.by}</td>
      <td className="cell font-medium">{row.act}</td>
      <td className="cell">{row.about}</td>
      <td className="cell text-soft max-w-md text-xs break-words">{textOf(row.detail)}</td>
      <td className="cell font-mono text-xs">{row.offset}</td>
    </tr>
  );
}

/** A detail as words: fields with their values, whatever the act has. */
function textOf(detail: unknown): string {
  if (detail === null || detail === undefined) return '';
  if (typeof detail !== 'object') return typeof detail === 'string' ? detail : JSON.stringify(detail);
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
}
