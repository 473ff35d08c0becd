// The frame of the pages for those who are not signed in yet.
import type { ReactNode } from 'react';
import { Theme } from '../Layout';
import { useWords } from '../words/words';

export function Entrance({ title, children }: { title: string; children: ReactNode }) {
  const words = useWords();
  return (
    <main
      id="content"
      tabIndex={-1}
      className="mx-auto flex min-h-dvh w-full max-w-sm flex-col justify-center p-4"
    >
      <title>{`${title} · Eventra`}</title>
      <div className="mb-6 flex items-center gap-2 text-lg font-semibold">
        <img src="/icon.svg" alt="" width={32} height={32} /> {words.product}
      </div>
      <div className="card p-6">
        <h1 className="mb-4 text-xl font-semibold tracking-tight">{title}</h1>
        {children}
      </div>
      <div className="mx-auto mt-4 w-40">
        <Theme />
      </div>
    </main>
  );
}
