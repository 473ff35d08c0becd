// Where in a JSON text the fields of a document stand, by the paths that the server names them with (`fraud.rules[2].weight`).

/** The line of each field, counted from 1. The text must be JSON. */
export function linesByPath(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const walk = new Walk(text);
  walk.value('', (path, at) => {
    lines.set(path, lineOf(text, at));
  });
  return lines;
}

/** The line of a field, or of the nearest thing around it that is there. */
export function lineAt(lines: ReadonlyMap<string, number>, path: string): number {
  for (let known = path; known !== ''; known = parentOf(known)) {
    const line = lines.get(known);
    if (line !== undefined) return line;
  }
  return 1;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')));
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let place = text.indexOf('\n'); place >= 0 && place < at; place = text.indexOf('\n', place + 1))
    line += 1;
  return line;
}

type Tell = (path: string, at: number) => void;

/** Walks over a text that is known to be JSON (RFC 8259), so it need not look for slips. */
class Walk {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  value(path: string, tell: Tell): void {
    this.blanks();
    tell(path, this.at);
    const first = this.text[this.at];
    if (first === '{') this.members(path, tell);
    else if (first === '[') this.elements(path, tell);
    else if (first === '"') this.string();
    else while (this.at < this.text.length && !/[\s,\]}]/.test(this.text[this.at] ?? '')) this.at += 1;
  }

  private members(path: string, tell: Tell): void {
    this.at += 1;
    this.blanks();
    while (this.more('}')) {
      const name = this.string();
      this.blanks();
      this.at += 1;
      this.value(path ? `${path}.${name}` : name, tell);
      this.comma();
    }
    this.at += 1;
  }

  private elements(path: string, tell: Tell): void {
    this.at += 1;
    this.blanks();
    for (let place = 0; this.more(']'); place += 1) {
      this.value(`${path}[${place}]`, tell);
      this.comma();
    }
    this.at += 1;
  }

  private string(): string {
    const begin = this.at;
    this.at += 1;
    while (this.at < this.text.length && this.text[this.at] !== '"')
      this.at += this.text[this.at] === '\\' ? 2 : 1;
    this.at += 1;
    return JSON.parse(this.text.slice(begin, this.at)) as string;
  }

  private more(end: string): boolean {
    return this.at < this.text.length && this.text[this.at] !== end;
  }

  private comma(): void {
    this.blanks();
    if (this.text[this.at] === ',') this.at += 1;
    this.blanks();
  }

  private blanks(): void {
    while (/\s/.test(this.text[this.at] ?? '')) this.at += 1;
  }
}
