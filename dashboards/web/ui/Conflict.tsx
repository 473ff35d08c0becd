// What somebody sees whose change meets another one that came first: both, and the choice.
import { useWords } from '../words/words';
import { Button, Card, Table, Th } from './basics';

/** A field that both have an idea of. */
export interface Difference {
  name: string;
  now: string;
  yours: string;
}

export function Conflict(props: { differences: Difference[]; onMine: () => void; onTheirs: () => void }) {
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
