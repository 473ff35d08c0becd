// The mails of a demo, which has no mail server: what was sent to whom, with the links in them.
import { useQuery } from '@tanstack/react-query';
import { mailbox } from '../server/system';
import { Card, Heading, NoData, Trouble } from '../ui/basics';
import { useWords } from '../words/words';

export default function Mailbox() {
  const words = useWords().mailbox;
  const { data, error, isPending } = useQuery(mailbox);
  return (
    <>
      <Heading title={words.title} hint={words.hint} />
      <Trouble error={error} />
      {!isPending && !error && !data && <NoData>{words.elsewhere}</NoData>}
      {data?.length === 0 && <NoData>{words.none}</NoData>}
      <div className="max-w-3xl space-y-3">
        {data?.map((mail) => (
          <Card key={mail.id} title={mail.subject} hint={mail.to}>
            <pre className="font-sans text-sm break-words whitespace-pre-wrap">{mail.text}</pre>
            {mail.link && (
              <a href={mail.link} className="button button-main mt-4 self-start">
                {words.open}
              </a>
            )}
          </Card>
        ))}
      </div>
    </>
  );
}
