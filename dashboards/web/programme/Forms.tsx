// Registration forms: what buyers are asked at the checkout.
import { AddButton, Beside, useEditing } from '../boxoffice/editing';
import { useEventFormat, useOffice, useTitleOf } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { useRows } from '../server/rows';
import { Badge, Button, NoData, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { FormEditor } from './FormEditor';
import type { FormRow } from './questions';
import { Plan } from './plan';
import { at, oneOf } from './server';
import { usePlanWords } from './words';

export function Forms() {
  const words = usePlanWords();
  const { org, event } = useOffice();
  const editing = useEditing();
  const path = at.forms(org, event);
  const list = useRows<FormRow>([...key(org, event), 'programme', 'forms'], path);
  return (
    <Plan
      title={words.parts.forms}
      hint={words.forms.hint}
      aside={<AddButton editing={editing}>{words.forms.add}</AddButton>}
    >
      <Beside<FormRow>
        editing={editing}
        path={(id) => oneOf(path, id)}
        columns=""
        form={(of) => <FormEditor {...of} />}
      >
        <Trouble error={list.error} />
        <div className="card min-w-0 p-2">
          {list.rows?.length === 0 && <NoData>{words.forms.none}</NoData>}
          {list.rows && list.rows.length > 0 && <List rows={list.rows} onEdit={editing.edit} />}
          <More of={list} />
        </div>
      </Beside>
    </Plan>
  );
}

function List({ rows, onEdit }: { rows: FormRow[]; onEdit: (id: string) => void }) {
  const words = usePlanWords();
  const all = useWords();
  const format = useEventFormat();
  const titleOf = useTitleOf();
  return (
    <Table
      label={words.parts.forms}
      head={
        <>
          <Th>{words.name}</Th>
          <Th>{words.forms.asked}</Th>
          <Th figure>{words.forms.asks}</Th>
          <Th figure>{words.forms.edition}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.id}>
          <th scope="row" className="cell min-w-36 font-medium">
            {row.title} {row.withdrawn && <Badge>{words.forms.isWithdrawn}</Badge>}
            <span className="text-soft block text-xs font-normal">{row.id}</span>
          </th>
          <td className="cell">
            {words.forms.askeds[row.asked]}
            {row.products.length > 0 && (
              <span className="text-soft block text-xs">
                {row.products.map((id) => titleOf(id)).join(', ')}
              </span>
            )}
          </td>
          <td className="cell figure">{format.number(row.fields.length)}</td>
          <td className="cell figure">{format.number(row.edition)}</td>
          <td className="cell">
            <Button onClick={() => onEdit(row.id)} aria-label={words.change(row.title)}>
              {all.edit}
            </Button>
          </td>
        </tr>
      ))}
    </Table>
  );
}
