// What stands at addresses that name nothing.
import { Link } from 'react-router';
import { Heading } from '../ui/basics';
import { useWords } from '../words/words';

export function NotFound() {
  const words = useWords().notFound;
  return (
    <>
      <Heading title={words.title} hint={words.text} />
      <Link to="/" className="link">
        {words.home}
      </Link>
    </>
  );
}
