// How buyers pay: the keys of the organization's account at Stripe, what Stripe has told, and the other ways.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { Badge, Button, Card, Confirm, Field, Heading, NoData, Said, Secret, Trouble } from '../ui/basics';
import { useFormat, useWords } from '../words/words';
import { faultsOf } from './fields';
import { below, once, type StripeSettings } from './organization';
import { useWish } from './wishes';
import { useBoxWords } from './words';

export default function Payments() {
  const words = useBoxWords().payments;
  const { organization = '' } = useParams();
  const { data, error } = useQuery(once<StripeSettings>(organization, below.stripe(organization)));
  const [said, setSaid] = useState('');
  return (
    <>
      <Heading title={words.title} hint={words.hint} />
      <Trouble error={error} />
      <Said>{said}</Said>
      <div className="grid grid-cols-1 items-start gap-4 xl:grid-cols-2">
        {data !== undefined && (
          <Keys
            key={data?.publishable_key ?? ''}
            organization={organization}
            settings={data}
            onSaid={setSaid}
          />
        )}
        <div className="min-w-0 space-y-4">
          {data && <Heard settings={data} />}
          <Card title={words.others}>
            <ul className="space-y-2 text-sm">
              <li>{words.transfer}</li>
              <li>{words.test}</li>
            </ul>
          </Card>
        </div>
      </div>
    </>
  );
}

function Keys(props: {
  organization: string;
  settings: StripeSettings | null;
  onSaid: (said: string) => void;
}) {
  const { organization, settings, onSaid } = props;
  const all = useWords();
  const words = useBoxWords().payments;
  const [publishable, setPublishable] = useState(settings?.publishable_key ?? '');
  const [secret, setSecret] = useState('');
  const [webhook, setWebhook] = useState('');
  const path = below.stripe(organization);
  const save = useWish(organization, 'PUT', path, () => {
    setSecret('');
    setWebhook('');
    onSaid(all.saved);
  });
  const remove = useWish(organization, 'DELETE', path, () => onSaid(words.removed));
  const faultAt = faultsOf(save.error);
  const keys = {
    publishable_key: publishable.trim(),
    ...(secret ? { secret_key: secret.trim() } : {}),
    ...(webhook ? { webhook_secret: webhook.trim() } : {}),
  };
  const kept = settings ? words.kept : undefined;
  return (
    <Card
      title="Stripe"
      hint={words.stripeHint}
      aside={<Badge tone={settings ? 'good' : 'plain'}>{settings ? words.on : words.off}</Badge>}
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(keys);
        }}
      >
        <Field
          label={words.publishable}
          hint="pk_…"
          required
          autoComplete="off"
          spellCheck={false}
          value={publishable}
          error={faultAt('publishable_key')}
          onChange={({ target }) => setPublishable(target.value)}
        />
        <Field
          label={words.secret}
          hint={kept ?? 'sk_…'}
          type="password"
          required={!settings}
          autoComplete="new-password"
          value={secret}
          error={faultAt('secret_key')}
          onChange={({ target }) => setSecret(target.value)}
        />
        <Field
          label={words.webhook}
          hint={kept ?? 'whsec_…'}
          type="password"
          required={!settings}
          autoComplete="new-password"
          value={webhook}
          error={faultAt('webhook_secret')}
          onChange={({ target }) => setWebhook(target.value)}
        />
        <Trouble error={save.error ?? remove.error} />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="main" disabled={save.isPending}>
            {all.save}
          </Button>
          {settings && (
            <Confirm
              what={words.removeWhat}
              disabled={remove.isPending}
              onConfirm={() => remove.mutate(undefined)}
            >
              {words.remove}
            </Confirm>
          )}
        </div>
      </form>
    </Card>
  );
}

function Heard({ settings }: { settings: StripeSettings }) {
  const words = useBoxWords().payments;
  const format = useFormat();
  const heard = Object.entries(settings.heard);
  return (
    <Card title={words.webhooks} hint={words.webhooksHint}>
      <div className="space-y-4">
        <Secret label={words.address} text={settings.webhook_address} />
        <ul aria-label={words.events} className="flex flex-wrap gap-1.5">
          {settings.webhook_events.map((one) => (
            <li key={one} className="bg-sunk rounded px-1.5 py-0.5 font-mono text-xs">
              {one}
            </li>
          ))}
        </ul>
        <h3 className="text-sm font-medium">{words.heard}</h3>
        {heard.length === 0 ? (
          <NoData>{words.nothingHeard}</NoData>
        ) : (
          <dl className="grid grid-cols-[1fr_auto] gap-x-4 gap-y-1 text-sm">
            {heard.map(([name, count]) => (
              <div key={name} className="contents">
                <dt className="font-mono text-xs">{name}</dt>
                <dd className="text-end">{format.number(count)}</dd>
              </div>
            ))}
          </dl>
        )}
      </div>
    </Card>
  );
}
