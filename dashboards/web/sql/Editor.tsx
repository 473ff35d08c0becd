// CodeMirror with the words of ClickHouse's SQL and the tables and columns that the person may ask.
import { autocompletion, closeBrackets, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { sql, StandardSQL } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import type { TableSchema } from '../server/sql';

const colours = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--color-accent)', fontWeight: '600' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--color-good)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--color-warn)' },
  { tag: tags.comment, color: 'var(--color-soft)', fontStyle: 'italic' },
]);

const look = EditorView.theme({
  '&': { fontSize: '13px', border: '1px solid var(--color-field)', borderRadius: '8px', overflow: 'hidden' },
  '&.cm-focused': { outline: '2px solid var(--color-accent)', outlineOffset: '2px' },
  '.cm-scroller': {
    fontFamily: 'var(--font-mono)',
    lineHeight: '1.6',
    minHeight: '10rem',
    maxHeight: '24rem',
  },
  '.cm-content': { caretColor: 'var(--color-ink)', color: 'var(--color-ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--color-ink)' },
  '.cm-gutters': { backgroundColor: 'var(--color-sunk)', color: 'var(--color-soft)', border: 'none' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--color-accent) 30%, transparent)',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--color-card)',
    color: 'var(--color-ink)',
    borderColor: 'var(--color-line)',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--color-fill)', color: '#fff' },
});

/** Completes the keywords of SQL and what the schema names, with types and comments. */
function language(tables: TableSchema[]) {
  const schema = Object.fromEntries(
    tables.map((table) => [
      table.name,
      table.columns.map((column) => ({
        label: column.name,
        type: 'property',
        detail: column.type,
        ...(column.comment ? { info: column.comment } : {}),
      })),
    ]),
  );
  return sql({ dialect: StandardSQL, schema, upperCaseKeywords: true });
}

export function Editor(props: {
  label: string;
  text: string;
  tables: TableSchema[];
  onText: (text: string) => void;
  onRun: () => void;
}) {
  const { label, text, tables } = props;
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const spoken = useRef(new Compartment());
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const run = () => {
      latest.current.onRun();
      return true;
    };
    const made = new EditorView({
      parent,
      state: EditorState.create({
        doc: latest.current.text,
        extensions: [
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          placeholder('SELECT …'),
          // Tab is not taken: it leads on to the next control, for people who use the keyboard alone.
          keymap.of([{ key: 'Mod-Enter', run }, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
          spoken.current.of(language(latest.current.tables)),
          syntaxHighlighting(colours),
          look,
          EditorView.cspNonce.of(nonceOfPage()),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.lineWrapping,
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onText(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, [label]);
  useEffect(() => {
    const made = view.current;
    if (!made || made.state.doc.toString() === text) return;
    made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: text } });
  }, [text]);
  useEffect(() => {
    view.current?.dispatch({ effects: spoken.current.reconfigure(language(tables)) });
  }, [tables]);
  // SQL is written from left to right in every language.
  return <div ref={box} dir="ltr" />;
}

/** The nonce that this document's styles may have; browsers hide it from attributes, not from scripts. */
function nonceOfPage(): string {
  return document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
}
