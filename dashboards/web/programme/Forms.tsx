// Registration forms: what buyers are asked at the checkout.
import { useEventFormat, useTitleOf } from '../boxoffice/office';
import { Badge } from '../ui/basics';
import { FormEditor } from './FormEditor';
import { Listing } from './Listing';
import type { FormRow } from './questions';
import { usePlanWords } from './words';

export function Forms() {
  const words = usePlanWords().forms;
  const format = useEventFormat();
  const titleOf = useTitleOf();
  return (
    <Listing<FormRow>
      part="forms"
      name={(row) => row.title}
      beside={(row) => row.withdrawn && <Badge>{words.isWithdrawn}</Badge>}
      columns={[
        {
          title: words.asked,
          cell: (row) => (
            <>
              {words.askeds[row.asked]}
              {row.products.length > 0 && (
                <span className="text-soft block text-xs">
                  {row.products.map((id) => titleOf(id)).join(', ')}
                </span>
              )}
            </>
          ),
        },
        { title: words.asks, figure: true, cell: (row) => format.number(row.fields.length) },
        { title: words.edition, figure: true, cell: (row) => format.number(row.edition) },
      ]}
      open=""
      form={(of) => <FormEditor {...of} />}
    />
  );
}
