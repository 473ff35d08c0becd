// What of a box office needs somebody's action, each with the way to it.
import { Link } from 'react-router';
import { part } from '../server/http';
import { isUrgent, type Item, placeOf } from './attention';
import { useFormat } from '../words/words';
import { useBoxWords } from './words';

export default function BoxItems({ org, event, items }: { org: string; event: string; items: Item[] }) {
  return (
    <>
      {items.map((item) => (
        <BoxItem
          key={item.what + ('id' in item ? item.id : '')}
          item={item}
          to={
            item.what === 'webhooks'
              ? `/o/${part(org)}/webhooks`
              : `/o/${part(org)}/events/${part(event)}/box-office/${placeOf(item)}`
          }
        />
      ))}
    </>
  );
}

function BoxItem({ item, to }: { item: Item; to: string }) {
  const words = useBoxWords().attention;
  const format = useFormat();
  const bad = isUrgent(item);
  const text =
    item.what === 'nearly'
      ? item.left === 0
        ? words.soldOut(item.title)
        : words.nearly(item.title, format.number(item.left))
      : words[item.what](format.number(item.count), item.count === 1);
  return (
    <li
      className={`flex gap-2 rounded-lg px-3 py-2 text-sm ${bad ? 'bg-bad-sunk text-bad' : 'bg-warn-sunk text-warn'}`}
    >
      <span aria-hidden>{bad ? '●' : '▲'}</span>
      <Link to={to} className="underline-offset-2 hover:underline">
        {text}
      </Link>
    </li>
  );
}
