// What holds for all sales of an event: times, money, rules.
import { useState } from 'react';
import type { Read } from '../server/queries';
import { Card, Choice, Lines, Said } from '../ui/basics';
import { useWords } from '../words/words';
import { between, salesLines } from './describe';
import { Check, Count, Long, Moment, Share } from './fields';
import { Frame, useOffice, useZone } from './office';
import { useSaying } from './saying';
import { at } from './server';
import { Form, Seen, useSetting } from './setting';
import type { RefundPolicy, Sales } from './types';
import { useBoxWords } from './words';

const ROUNDINGS = ['line', 'sum_by_net', 'sum_by_net_keep_gross'] as const;

export function SalesSettings() {
  const words = useBoxWords();
  const { org, event } = useOffice();
  const [saved, setSaved] = useState(false);
  return (
    <Frame title={words.parts.settings} hint={words.sales.hint}>
      <Seen<Sales> path={at.sales(org, event)}>
        {(seen) => seen && <SalesForm seen={seen} saved={saved} onSaved={() => setSaved(true)} />}
      </Seen>
    </Frame>
  );
}

function SalesForm({ seen, saved, onSaved }: { seen: Read<Sales>; saved: boolean; onSaved: () => void }) {
  const words = useBoxWords().sales;
  const all = useWords();
  const say = useSaying();
  const { org, event } = useOffice();
  const [draft, setDraft] = useState(seen.row);
  const set = (part: Partial<Sales>) => setDraft({ ...draft, ...part });
  const change = useSetting<Sales>(at.sales(org, event), seen, onSaved);
  const { faultAt } = change;
  return (
    <div className="max-w-3xl">
      <Form
        change={change}
        differences={between(salesLines(say))}
        submit={all.save}
        onSubmit={() => change.save(draft)}
        said={<Said>{saved && !change.error && !change.theirs && all.saved}</Said>}
      >
        <Card title={words.rules}>
          <div className="space-y-3">
            <Check label={words.open} checked={draft.open} onChange={(open) => set({ open })} />
            <div className="grid gap-4 sm:grid-cols-2">
              <Count
                label={words.orderMax}
                required
                min={1}
                value={draft.order_max}
                error={faultAt('order_max')}
                onChange={(most) => set({ order_max: most ?? 1 })}
              />
              <Count
                label={words.review}
                hint={words.reviewHint}
                value={draft.review_from}
                error={faultAt('review_from')}
                onChange={(review_from) => set({ review_from })}
              />
            </div>
            <Check
              label={words.fitFirst}
              checked={draft.fit_first}
              onChange={(fit_first) => set({ fit_first })}
            />
            <Check
              label={words.reprice}
              checked={draft.reprice_groups}
              onChange={(reprice_groups) => set({ reprice_groups })}
            />
          </div>
        </Card>
        <Card title={words.times}>
          <div className="grid gap-4 sm:grid-cols-2">
            <Long
              label={words.hold}
              required
              unit={60}
              seconds={draft.hold_s}
              error={faultAt('hold_s')}
              onChange={(hold_s) => set({ hold_s })}
            />
            <Long
              label={words.holdMax}
              required
              unit={60}
              seconds={draft.hold_max_s}
              error={faultAt('hold_max_s')}
              onChange={(hold_max_s) => set({ hold_max_s })}
            />
            <Long
              label={words.pay}
              required
              unit={60}
              seconds={draft.pay_s}
              error={faultAt('pay_s')}
              onChange={(pay_s) => set({ pay_s })}
            />
            <Long
              label={words.transfer}
              required
              unit={3600}
              seconds={draft.transfer_s}
              error={faultAt('transfer_s')}
              onChange={(transfer_s) => set({ transfer_s })}
            />
            <Long
              label={words.offer}
              required
              unit={3600}
              seconds={draft.offer_s}
              error={faultAt('offer_s')}
              onChange={(offer_s) => set({ offer_s })}
            />
          </div>
        </Card>
        <Card title={words.taxes}>
          <div className="space-y-3">
            <div className="grid gap-4 sm:grid-cols-2">
              <Choice
                label={words.rounding}
                value={draft.tax_rounding}
                onChange={({ target }) => set({ tax_rounding: target.value as Sales['tax_rounding'] })}
              >
                {ROUNDINGS.map((one) => (
                  <option key={one} value={one}>
                    {words.roundings[one]}
                  </option>
                ))}
              </Choice>
              <Share
                label={words.commission}
                required
                points={draft.commission}
                error={faultAt('commission')}
                onChange={(commission) => set({ commission })}
              />
            </div>
            <Check
              label={words.keepCommission}
              checked={draft.keep_commission}
              onChange={(keep_commission) => set({ keep_commission })}
            />
            <Lines
              label={words.transferTo}
              hint={words.transferToHint}
              rows={3}
              value={draft.transfer_to}
              error={faultAt('transfer_to')}
              onChange={({ target }) => set({ transfer_to: target.value })}
            />
          </div>
        </Card>
        <Card title={words.refundPolicy} hint={words.refundPolicyHint}>
          <div className="space-y-3">
            <Check
              label={words.refunds}
              checked={!!draft.refunds}
              onChange={(on) => set({ refunds: on ? { until: null, fee: 0 } : null })}
            />
            {draft.refunds && (
              <Refunds policy={draft.refunds} faultAt={faultAt} onChange={(refunds) => set({ refunds })} />
            )}
          </div>
        </Card>
      </Form>
    </div>
  );
}

/** Until when buyers may ask for their money back, and what is kept of it. */
function Refunds(props: {
  policy: RefundPolicy;
  faultAt: (field: string) => string | undefined;
  onChange: (policy: RefundPolicy) => void;
}) {
  const { policy, faultAt, onChange } = props;
  const words = useBoxWords();
  const zone = useZone();
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <Moment
        label={words.sales.refundUntil}
        hint={words.zone(zone)}
        at={policy.until}
        error={faultAt('refunds.until')}
        onChange={(until) => onChange({ ...policy, until })}
      />
      <Share
        label={words.sales.refundFee}
        required
        points={policy.fee}
        error={faultAt('refunds.fee')}
        onChange={(fee) => onChange({ ...policy, fee })}
      />
    </div>
  );
}
