// What positions cost, as a receipt shows it.
import type { Shop, Position } from './types';
import { sumsOf } from './sums';
import { useFormat, useWords } from './words/speaking';

/** What people call a choice. */
export function titleOf(shop: Shop | undefined, product: string, variation?: string | null): string {
  const known = shop?.products.find((one) => one.id === product);
  const kind = known?.variations.find((one) => one.variation === variation);
  return [known?.title ?? product, kind?.title ?? variation].filter(Boolean).join(', ');
}

export function Totals(props: {
  shop: Shop | undefined;
  currency: string;
  positions: readonly Position[];
  code?: string;
}) {
  const { shop, currency } = props;
  const words = useWords();
  const format = useFormat(shop?.zone);
  const sums = sumsOf(props.positions);
  const money = (minor: number) => format.money(minor, currency);
  const off = [
    ...(sums.promo > 0 ? [[words.sums.promo(props.code ?? ''), -sums.promo] as const] : []),
    ...sums.groups.map(
      ({ group, off: by }) => [shop?.discounts[group - 1]?.title ?? words.sums.group, -by] as const,
    ),
    ...(sums.rounding !== 0 ? [[words.sums.rounding, sums.rounding] as const] : []),
  ];
  return (
    <table className="w-full text-sm" aria-label={words.sums.title}>
      <thead className="sr-only">
        <tr>
          <th scope="col">{words.sums.item}</th>
          <th scope="col">{words.sums.amount}</th>
        </tr>
      </thead>
      <tbody>
        {sums.rows.map((row) => (
          <tr key={`${row.product}/${row.variation ?? ''}/${row.list}`}>
            <th scope="row" className="py-1 pe-3 text-start font-normal">
              {row.count} × {titleOf(shop, row.product, row.variation)}
              {row.count > 1 && (
                <span className="text-soft block text-xs">{words.sums.each(money(row.list))}</span>
              )}
            </th>
            <td className="figure py-1 align-top">{money(row.sum)}</td>
          </tr>
        ))}
        {off.map(([name, amount]) => (
          <tr key={name} className="text-good">
            <th scope="row" className="py-1 pe-3 text-start font-normal">
              {name}
            </th>
            <td className="figure py-1">{money(amount)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot className="border-line border-t">
        <tr className="text-base font-semibold">
          <th scope="row" className="pt-3 text-start">
            {words.sums.total}
          </th>
          <td className="figure pt-3" data-total={sums.total}>
            {money(sums.total)}
          </td>
        </tr>
        {sums.taxes.map(({ rate, tax }) => (
          <tr key={rate} className="text-soft">
            <th scope="row" className="pt-1 text-start font-normal">
              {words.sums.tax(format.percent(rate / 10_000))}
            </th>
            <td className="figure pt-1">{money(tax)}</td>
          </tr>
        ))}
      </tfoot>
    </table>
  );
}
