// Where nothing is.
import { Heading } from './ui';
import { useWords } from './words/speaking';

export function Missing() {
  const words = useWords();
  return (
    <div className="mx-auto w-full max-w-5xl px-4 py-10">
      <Heading title={words.missing.title} />
      <p>{words.missing.text}</p>
    </div>
  );
}
