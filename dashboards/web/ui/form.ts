// Texts of a form that is sent.

/** The text of a field, without blanks around it; empty when the form has none of that name. */
export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** A code that somebody typed, perhaps in groups. */
export const codeOf = (form: FormData): string => textOf(form, 'code').replace(/\s/g, '');

/** The lines of a text, without blanks around them and without empty ones. */
export const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
