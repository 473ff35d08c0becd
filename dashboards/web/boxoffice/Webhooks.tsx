// Where the organization has happenings of its box offices told: endpoints, what was delivered, and telling it again.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { address } from '../server/http';
import { useRows } from '../server/rows';
import {
  Badge,
  Button,
  Card,
  Confirm,
  Field,
  Heading,
  NoData,
  Said,
  Secret,
  Table,
  Th,
  Trouble,
} from '../ui/basics';
import { More } from '../ui/More';
import { instantIn } from '../words/format';
import { useFormat, useWords } from '../words/words';
import { Check, faultsOf, Several } from './fields';
import { below, type Delivery, type Endpoint, keyOf, once, TOPICS } from './organization';
import { useEdited } from './setting';
import { useWish } from './wishes';
import { useBoxWords } from './words';

export default function Webhooks() {
  const words = useBoxWords().webhooks;
  const { organization = '' } = useParams();
  const list = useQuery(once<Endpoint[]>(organization, `${below.webhooks(organization)}?limit=200`, true));
  const [chosen, choose] = useEdited();
  const [secret, setSecret] = useState<{ title: string; secret: string }>();
  const [said, setSaid] = useState('');
  const rows = list.data ?? [];
  const shown = rows.find((one) => one.id === chosen);
  const form = { organization, onSecret: setSecret, onSaid: setSaid };
  return (
    <>
      <Heading
        title={words.title}
        hint={words.hint}
        aside={
          chosen !== 'new' && (
            <Button look="main" onClick={() => choose('new')}>
              {words.add}
            </Button>
          )
        }
      />
      <Trouble error={list.error} />
      <Said>{said}</Said>
      {secret && (
        <Card title={words.secretOf(secret.title)} hint={words.secretHint} className="mb-4">
          <Secret label={words.secretOf(secret.title)} text={secret.secret} />
        </Card>
      )}
      <div className="space-y-4">
        <div className="card p-2">
          {list.data !== undefined && rows.length === 0 ? (
            <NoData>{words.none}</NoData>
          ) : (
            <Endpoints rows={rows} onChoose={choose} />
          )}
        </div>
        {chosen === 'new' && (
          <EndpointForm
            key="new"
            {...form}
            seen={null}
            onDone={() => choose(null)}
            onCancel={() => choose(null)}
          />
        )}
        {shown && (
          <div key={shown.id} className="grid grid-cols-1 items-start gap-4 xl:grid-cols-[26rem_1fr]">
            <div className="min-w-0 space-y-4">
              <EndpointForm
                {...form}
                seen={shown}
                onDone={() => setSaid(words.saved)}
                onCancel={() => choose(null)}
              />
              <Acts {...form} endpoint={shown} onGone={() => choose(null)} />
            </div>
            <Deliveries organization={organization} endpoint={shown.id} />
          </div>
        )}
      </div>
    </>
  );
}

function State({ endpoint }: { endpoint: Endpoint }) {
  const words = useBoxWords().webhooks;
  const format = useFormat();
  if (endpoint.stopped) return <Badge tone="bad">{words.stopped}</Badge>;
  if (endpoint.paused) return <Badge>{words.paused}</Badge>;
  if (endpoint.failing_since) {
    return (
      <Badge tone={endpoint.attention ? 'bad' : 'warn'}>
        {words.failing(format.moment(new Date(endpoint.failing_since)))}
      </Badge>
    );
  }
  return <Badge tone="good">{words.well}</Badge>;
}

function Endpoints({ rows, onChoose }: { rows: Endpoint[]; onChoose: (id: string) => void }) {
  const words = useBoxWords().webhooks;
  const all = useWords();
  const format = useFormat();
  return (
    <Table
      label={words.title}
      head={
        <>
          <Th>{words.name}</Th>
          <Th>{words.topics}</Th>
          <Th>{words.state}</Th>
          <Th>{words.told}</Th>
          <Th>{all.actions}</Th>
        </>
      }
    >
      {rows.map((row) => (
        <tr key={row.id}>
          <td className="cell">
            <span className="font-medium">{row.title || row.url}</span>
            <span className="text-soft block text-xs break-all">{row.url}</span>
          </td>
          <td className="cell">{row.topics.length === 0 ? all.all : format.number(row.topics.length)}</td>
          <td className="cell">
            <State endpoint={row} />
          </td>
          <td className="cell font-mono text-xs">{row.cursors.map((one) => one.next).join(' ')}</td>
          <td className="cell">
            <Button onClick={() => onChoose(row.id)} aria-label={words.open(row.title || row.url)}>
              {all.edit}
            </Button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

interface OfForm {
  organization: string;
  onSecret: (made: { title: string; secret: string }) => void;
  onSaid: (said: string) => void;
}

function EndpointForm(props: OfForm & { seen: Endpoint | null; onDone: () => void; onCancel: () => void }) {
  const { organization, seen } = props;
  const all = useWords();
  const words = useBoxWords().webhooks;
  const [url, setUrl] = useState(seen?.url ?? '');
  const [title, setTitle] = useState(seen?.title ?? '');
  const [topics, setTopics] = useState<string[]>(seen?.topics ?? []);
  const [paused, setPaused] = useState(seen?.paused ?? false);
  const save = useWish<Endpoint & { secret?: string }>(
    organization,
    seen ? 'PUT' : 'POST',
    seen ? below.webhook(organization, seen.id) : below.webhooks(organization),
    (made) => {
      if (made.secret) props.onSecret({ title: made.title || made.url, secret: made.secret });
      props.onDone();
    },
  );
  const faultAt = faultsOf(save.error);
  return (
    <Card title={seen ? words.open(seen.title || seen.url) : words.add}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate({ url: url.trim(), title: title.trim(), topics, paused });
        }}
      >
        <Field
          label={words.url}
          hint="https://…"
          type="url"
          required
          autoComplete="off"
          value={url}
          error={faultAt('url')}
          onChange={({ target }) => setUrl(target.value)}
        />
        <Field
          label={words.name}
          autoComplete="off"
          maxLength={200}
          value={title}
          error={faultAt('title')}
          onChange={({ target }) => setTitle(target.value)}
        />
        <Several
          legend={words.topics}
          hint={words.topicsHint}
          all={TOPICS.map((id) => ({ id, title: id }))}
          chosen={topics}
          onChange={setTopics}
        />
        <Check label={words.pause} checked={paused} onChange={setPaused} />
        <Trouble error={save.error} />
        <div className="flex gap-2">
          <Button type="submit" look="main" disabled={save.isPending}>
            {seen ? all.save : words.add}
          </Button>
          <Button look="quiet" onClick={props.onCancel}>
            {all.cancel}
          </Button>
        </div>
      </form>
    </Card>
  );
}

/** How long the secret before goes on to sign, seconds: a day, for whoever has to change it elsewhere by hand. */
const GRACE_S = 86_400;

function Acts(props: OfForm & { endpoint: Endpoint; onGone: () => void }) {
  const { organization, endpoint, onSaid } = props;
  const words = useBoxWords().webhooks;
  const all = useWords();
  const zone = useFormat().zone;
  const [since, setSince] = useState('');
  const path = below.webhook(organization, endpoint.id);
  const name = endpoint.title || endpoint.url;
  const test = useWish(organization, 'POST', `${path}/tests`, () => onSaid(words.tested));
  const rotate = useWish<{ secret: string }>(organization, 'POST', `${path}/rotation`, ({ secret }) =>
    props.onSecret({ title: name, secret }),
  );
  const replay = useWish(organization, 'POST', `${path}/replays`, () => onSaid(words.replayed));
  const remove = useWish(organization, 'DELETE', path, props.onGone);
  return (
    <Card title={all.actions}>
      <div className="space-y-4">
        <div className="flex flex-wrap gap-2">
          <Button disabled={test.isPending} onClick={() => test.mutate(undefined)}>
            {words.test}
          </Button>
          <Confirm
            what={words.rotateWhat}
            disabled={rotate.isPending}
            onConfirm={() => rotate.mutate({ grace_s: GRACE_S })}
          >
            {words.rotate}
          </Confirm>
          <Confirm
            what={words.removeWhat(name)}
            disabled={remove.isPending}
            onConfirm={() => remove.mutate(undefined)}
          >
            {all.remove}
          </Confirm>
        </div>
        <form
          className="flex flex-wrap items-end gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            replay.mutate({ since: instantIn(zone, since).toISOString() });
          }}
        >
          <Field
            className="flex-1"
            label={words.since}
            hint={words.sinceHint}
            type="datetime-local"
            required
            value={since}
            onChange={({ target }) => setSince(target.value)}
          />
          <Button type="submit" disabled={replay.isPending}>
            {words.replay}
          </Button>
        </form>
        <Trouble error={test.error ?? rotate.error ?? replay.error ?? remove.error} />
      </div>
    </Card>
  );
}

function Deliveries({ organization, endpoint }: { organization: string; endpoint: string }) {
  const words = useBoxWords().webhooks;
  const format = useFormat();
  const [failed, setFailed] = useState(false);
  const path = `${below.webhook(organization, endpoint)}/deliveries`;
  const list = useRows<Delivery>(
    [...keyOf(organization), 'deliveries'],
    address(path, failed ? { failed: 'true' } : {}),
  );
  return (
    <Card
      title={words.deliveries}
      hint={words.deliveriesHint}
      aside={<Check label={words.onlyFailed} checked={failed} onChange={setFailed} />}
    >
      <Trouble error={list.error} />
      {list.rows?.length === 0 ? (
        <NoData>{words.noDeliveries}</NoData>
      ) : (
        <Table
          label={words.deliveries}
          head={
            <>
              <Th>{words.at}</Th>
              <Th>{words.type}</Th>
              <Th>{words.answer}</Th>
              <Th figure>{words.took}</Th>
              <Th>{words.place}</Th>
            </>
          }
        >
          {list.rows?.map((row) => (
            <tr key={`${row.id} ${row.attempt}`}>
              <td className="cell whitespace-nowrap">
                {format.day(new Date(row.at))} {format.exact(new Date(row.at))}
              </td>
              <td className="cell">
                {row.type}{' '}
                {row.attempt > 1 && (
                  <span className="text-soft text-xs">{words.attempt(format.number(row.attempt))}</span>
                )}
              </td>
              <td className="cell">
                <Badge tone={row.taken ? 'good' : 'bad'}>
                  {row.status === 0 ? words.noAnswer : String(row.status)}
                </Badge>
                {row.text && <span className="text-soft block max-w-xs text-xs break-words">{row.text}</span>}
                {row.again && (
                  <span className="text-soft block text-xs">
                    {words.again(format.exact(new Date(row.again)))}
                  </span>
                )}
              </td>
              <td className="cell figure">{format.duration(row.ms)}</td>
              <td className="cell font-mono text-xs">{row.offset}</td>
            </tr>
          ))}
        </Table>
      )}
      <More of={list} />
    </Card>
  );
}
