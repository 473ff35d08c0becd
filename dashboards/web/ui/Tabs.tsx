// Ways to the pages that belong together, in one line that scrolls where the screen is narrow.
import { useEffect, useRef } from 'react';
import { NavLink, useLocation } from 'react-router';

export interface Tab {
  to: string;
  title: string;
}

/** The first way is to what stands at the beginning of the others' addresses. */
export function Tabs({ label, tabs }: { label: string; tabs: Tab[] }) {
  const { pathname } = useLocation();
  const ways = useRef<HTMLElement>(null);
  // On a phone the ways are longer than the screen: the one that is open is in it.
  useEffect(() => {
    ways.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [pathname]);
  return (
    <nav
      ref={ways}
      aria-label={label}
      className="border-line -mx-4 mb-4 flex gap-1 overflow-x-auto border-b px-4 lg:-mx-6 lg:px-6"
    >
      {tabs.map(({ to, title }, place) => (
        <NavLink
          key={to}
          to={to}
          end={place === 0}
          className={({ isActive }) =>
            `-mb-px shrink-0 border-b-2 px-3 py-2 text-sm font-medium whitespace-nowrap ${isActive ? 'border-accent text-ink' : 'text-soft hover:text-ink border-transparent'}`
          }
          aria-current={pathname === to ? 'page' : undefined}
        >
          {title}
        </NavLink>
      ))}
    </nav>
  );
}
