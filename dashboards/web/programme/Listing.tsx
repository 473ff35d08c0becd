// A part of a programme that is a list of things, with the form of the one that is edited beside it.
import type { ReactNode } from 'react';
import { AddButton, Beside, type OfForm, useEditing } from '../boxoffice/editing';
import { useOffice } from '../boxoffice/office';
import { key } from '../boxoffice/server';
import { useRows } from '../server/rows';
import { Button, NoData, Table, Th, Trouble } from '../ui/basics';
import { More } from '../ui/More';
import { useWords } from '../words/words';
import { Plan } from './plan';
import { at, oneOf } from './server';
import { usePlanWords } from './words';

interface Column<T> {
  title: string;
  /** Its cells are figures, which stand to the right. */
  figure?: boolean;
  cell: (row: T) => ReactNode;
}

export function Listing<T extends { id: string }>(props: {
  part: 'rooms' | 'tracks' | 'speakers' | 'forms';
  /** What people call a thing. */
  name: (row: T) => string;
  /** What stands beside its name. */
  beside?: (row: T) => ReactNode;
  columns: Column<T>[];
  /** The columns of the page while a form is open. */
  open: string;
  form: (of: OfForm<T>) => ReactNode;
}) {
  const words = usePlanWords();
  const { org, event } = useOffice();
  const editing = useEditing();
  const said = words[props.part];
  const path = at[props.part](org, event);
  const list = useRows<T>([...key(org, event), 'programme', props.part], path);
  return (
    <Plan
      title={words.parts[props.part]}
      hint={said.hint}
      aside={<AddButton editing={editing}>{said.add}</AddButton>}
    >
      <Beside<T> editing={editing} path={(id) => oneOf(path, id)} columns={props.open} form={props.form}>
        <Trouble error={list.error} />
        <div className="card min-w-0 p-2">
          {list.rows?.length === 0 && <NoData>{said.none}</NoData>}
          {list.rows && list.rows.length > 0 && <Things {...props} rows={list.rows} onEdit={editing.edit} />}
          <More of={list} />
        </div>
      </Beside>
    </Plan>
  );
}

function Things<T extends { id: string }>(props: {
  part: 'rooms' | 'tracks' | 'speakers' | 'forms';
  rows: T[];
  name: (row: T) => string;
  beside?: (row: T) => ReactNode;
  columns: Column<T>[];
  onEdit: (id: string) => void;
}) {
  const words = usePlanWords();
  const all = useWords();
  return (
    <Table
      label={words.parts[props.part]}
      head={
        <>
          <Th>{words.name}</Th>
          {props.columns.map(({ title, figure }) => (
            <Th key={title} {...(figure ? { figure } : {})}>
              {title}
            </Th>
          ))}
          <Th>{all.actions}</Th>
        </>
      }
    >
      {props.rows.map((row) => (
        <tr key={row.id}>
          <th scope="row" className="cell min-w-40 font-medium">
            {props.name(row)} {props.beside?.(row)}
            <span className="text-soft block text-xs font-normal">{row.id}</span>
          </th>
          {props.columns.map(({ title, figure, cell }) => (
            <td key={title} className={figure ? 'cell figure' : 'cell min-w-40'}>
              {cell(row)}
            </td>
          ))}
          <td className="cell">
            <Button onClick={() => props.onEdit(row.id)} aria-label={words.change(props.name(row))}>
              {all.edit}
            </Button>
          </td>
        </tr>
      ))}
    </Table>
  );
}
