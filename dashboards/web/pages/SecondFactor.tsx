// Turning the second factor on (RFC 6238: a secret shown as a QR code, confirmed by its first code) and off, and recovery codes.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import qrcode from 'qrcode-generator';
import { type SubmitEvent, useState } from 'react';
import { ask } from '../server/http';
import { me } from '../server/queries';
import type { Me } from '../server/types';
import { Badge, Button, Card, Field, Secret, Trouble } from '../ui/basics';
import { codeOf } from '../ui/form';
import { useWords } from '../words/words';

interface Begun {
  secret: string;
  uri: string;
}

export function SecondFactor({ person }: { person: Me }) {
  const words = useWords().account;
  const client = useQueryClient();
  const [codes, setCodes] = useState<string[]>();
  const done = (recovery: string[] | undefined) => {
    setCodes(recovery);
    void client.invalidateQueries({ queryKey: me.queryKey });
  };
  const on = person.user.second_factor;
  return (
    <Card
      title={words.factor}
      hint={on ? words.factorOn : words.factorOff}
      aside={on && <Badge tone="good">✓</Badge>}
    >
      {codes ? (
        <Codes codes={codes} onDone={() => setCodes(undefined)} />
      ) : on ? (
        <WhenOn left={person.user.recovery_codes_left} onCodes={done} />
      ) : (
        <WhenOff onCodes={done} />
      )}
    </Card>
  );
}

type Codes = { recovery_codes: string[] };

function WhenOff({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const words = useWords().account;
  const begin = useMutation({ mutationFn: () => ask<Begun>('POST', '/v1/me/second-factor') });
  const confirm = useMutation({
    mutationFn: (code: string) => ask<Codes>('PUT', '/v1/me/second-factor', { body: { code } }),
    onSuccess: ({ data }) => onCodes(data.recovery_codes),
  });
  if (!begin.data) {
    return (
      <div className="space-y-3">
        <Trouble error={begin.error} />
        <Button look="main" onClick={() => begin.mutate()} disabled={begin.isPending}>
          {words.factorStart}
        </Button>
      </div>
    );
  }
  const { secret, uri } = begin.data.data;
  return (
    <div className="space-y-4">
      <p className="text-sm">{words.factorScan}</p>
      <Qr text={uri} />
      <p className="text-soft text-sm">{words.factorSecret}</p>
      <Secret label={words.factorSecret} text={secret} />
      <CodeForm
        label={words.factorConfirm}
        error={confirm.error}
        onCode={(code) => confirm.mutate(code)}
        main
      />
    </div>
  );
}

function WhenOn({ left, onCodes }: { left: number; onCodes: (codes: string[] | undefined) => void }) {
  const words = useWords().account;
  const renew = useMutation({
    mutationFn: (code: string) => ask<Codes>('POST', '/v1/me/recovery-codes', { body: { code } }),
    onSuccess: ({ data }) => onCodes(data.recovery_codes),
  });
  const remove = useMutation({
    mutationFn: (code: string) => ask('POST', '/v1/me/second-factor/removal', { body: { code } }),
    onSuccess: () => onCodes(undefined),
  });
  return (
    <div className="space-y-5">
      <p className="text-sm">{words.codesLeft(left)}</p>
      <CodeForm label={words.codesNew} error={renew.error} onCode={(code) => renew.mutate(code)} />
      <CodeForm label={words.factorRemove} error={remove.error} onCode={(code) => remove.mutate(code)} />
    </div>
  );
}

function CodeForm(props: { label: string; error: unknown; onCode: (code: string) => void; main?: boolean }) {
  const words = useWords().account;
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    props.onCode(codeOf(new FormData(event.currentTarget)));
  };
  return (
    <form onSubmit={submit} className="space-y-3" aria-label={props.label}>
      <div className="flex items-end gap-2">
        <Field
          label={words.code}
          name="code"
          autoComplete="one-time-code"
          spellCheck={false}
          required
          className="w-36"
        />
        <Button type="submit" {...(props.main ? { look: 'main' as const } : {})}>
          {props.label}
        </Button>
      </div>
      <Trouble error={props.error} />
    </form>
  );
}

function Codes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const words = useWords().account;
  return (
    <div className="space-y-3">
      <h3 className="font-medium">{words.codes}</h3>
      <p className="text-soft text-sm">{words.codesHint}</p>
      <Secret label={words.codes} text={codes.join(' ')} />
      <Button look="main" onClick={onDone}>
        {words.codesDone}
      </Button>
    </div>
  );
}

/** Modules of white around a QR code that readers want (ISO/IEC 18004: four). */
const QUIET = 4;

function Qr({ text }: { text: string }) {
  const words = useWords().account;
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const size = code.getModuleCount();
  const dark: string[] = [];
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      if (code.isDark(row, column)) dark.push(`M${column + QUIET} ${row + QUIET}h1v1h-1z`);
    }
  }
  const side = size + 2 * QUIET;
  return (
    <svg
      role="img"
      aria-label={words.qr}
      viewBox={`0 0 ${side} ${side}`}
      className="size-48 rounded-lg bg-white"
    >
      <path d={dark.join('')} fill="#000" shapeRendering="crispEdges" />
    </svg>
  );
}
