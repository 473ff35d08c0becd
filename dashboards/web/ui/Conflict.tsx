// What somebody sees whose change meets another one that came first: both, and the choice.
import { useWords } from '../words/words';
import { Button, Card, Said, Table, Th, Trouble } from './basics';
import type { useChange } from './change';

/** A field that both have an idea of. */
export interface Difference {
  name: string;
  now: string;
  yours: string;
}

type ChangeOf<T, Body extends object> = ReturnType<typeof useChange<T, Body>>;

/** The conflict of a change, when there is one. */
export function ConflictOf<T, Body extends object>(props: {
  change: ChangeOf<T, Body>;
  differences: (now: T, yours: Body) => Difference[];
}) {
  const { change, differences } = props;
  if (!change.theirs || !change.wanted) return null;
  return (
    <Conflict
      differences={differences(change.theirs.row, change.wanted).filter(({ now, yours }) => now !== yours)}
      onMine={change.saveOver}
      onTheirs={() => void change.giveUp()}
    />
  );
}

/** The end of a form that changes something: what went wrong, that it went well, and the button. */
export function SaveButton<T, Body extends object>(props: { change: ChangeOf<T, Body>; saved: boolean }) {
  const { change, saved } = props;
  const words = useWords();
  const done = saved && !change.pending && !change.error && !change.theirs;
  return (
    <>
      <Trouble error={change.error} />
      <Said>{done && words.saved}</Said>
      <Button type="submit" look="main" disabled={change.pending}>
        {words.save}
      </Button>
    </>
  );
}

function Conflict(props: { differences: Difference[]; onMine: () => void; onTheirs: () => void }) {
  const words = useWords().conflict;
  return (
    <div role="alert">
      <Card title={words.title} hint={words.text} className="border-warn mb-4">
        <Table
          label={words.title}
          head={
            <>
              <Th>{words.field}</Th>
              <Th>{words.now}</Th>
              <Th>{words.yours}</Th>
            </>
          }
        >
          {props.differences.map(({ name, now, yours }) => (
            <tr key={name}>
              <th scope="row" className="cell font-medium">
                {name}
              </th>
              <td className="cell whitespace-pre-wrap">{now || words.empty}</td>
              <td className="cell whitespace-pre-wrap">{yours || words.empty}</td>
            </tr>
          ))}
        </Table>
        <div className="mt-3 flex flex-wrap gap-2">
          <Button onClick={props.onTheirs}>{words.theirs}</Button>
          <Button look="bad" onClick={props.onMine}>
            {words.mine}
          </Button>
        </div>
      </Card>
    </div>
  );
}
