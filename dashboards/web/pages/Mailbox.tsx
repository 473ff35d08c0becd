// The mails of a demo, which has no mail server: what people would find in their inbox, links included.
import { useQuery } from '@tanstack/react-query';
import { mailbox } from '../server/system';
import { Card, Heading, NoData, Trouble } from '../ui/basics';
import { useWords } from '../words/words';

export default function Mailbox() {
  const words = useWords().mailbox;
  const { data, error } = useQuery(mailbox);
  return (
    <>
      <Heading title={words.title} hint={words.hint} />
      <Trouble error={error} />
      {data?.length === 0 && <NoData />}
      <div className="grid gap-4">
        {data?.map((mail) => (
          <Card key={mail.id} title={mail.subject} hint={`${words.to} ${mail.to}`}>
            <p className="text-sm whitespace-pre-line">{mail.text.replace(mail.link, '').trim()}</p>
            {mail.link && (
              <p className="mt-3 text-sm">
                <a className="text-accent underline" href={mail.link}>
                  {words.follow}
                </a>
              </p>
            )}
          </Card>
        ))}
      </div>
    </>
  );
}
