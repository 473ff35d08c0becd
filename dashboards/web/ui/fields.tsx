// Fields that several forms have.
import { LANGUAGES, useWords } from '../words/words';
import { Choice, Field } from './basics';

/** The shortest password that the server takes, characters. */
const PASSWORD_MIN = 12;

export function NewPassword({ label, name }: { label: string; name: string }) {
  const hint = useWords().reset.passwordHint;
  return (
    <Field
      label={label}
      name={name}
      type="password"
      autoComplete="new-password"
      minLength={PASSWORD_MIN}
      hint={hint}
      required
    />
  );
}

/** A code of the second factor, asked for when somebody signs in. */
export function CodeField() {
  const words = useWords().signIn;
  return (
    <Field
      label={words.code}
      name="code"
      hint={words.codeHint}
      autoComplete="one-time-code"
      spellCheck={false}
      autoFocus
      required
    />
  );
}

/** The languages of the pages, and one that is chosen and not among them; `auto` stands for none. */
export function LanguageChoice({ label, auto, chosen }: { label: string; auto: string; chosen: string }) {
  return (
    <Choice label={label} name="language" defaultValue={chosen}>
      <option value="">{auto}</option>
      {Object.entries(LANGUAGES).map(([tag, name]) => (
        <option key={tag} value={tag} lang={tag}>
          {name}
        </option>
      ))}
      {chosen && !(chosen in LANGUAGES) && <option value={chosen}>{chosen}</option>}
    </Choice>
  );
}
