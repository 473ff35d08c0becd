// What stands after `#`, where links carry their token: browsers send that to nobody.
import { useEffect, useState } from 'react';

const read = () => new URLSearchParams(window.location.hash.slice(1));

/** The fragment of the link that was opened, taken out of the address so that no token stays in the browser's history. */
export function useFragment(): URLSearchParams {
  const [fragment, setFragment] = useState(read);
  useEffect(() => {
    const take = () => {
      const opened = read();
      if (!opened.has('token')) return;
      setFragment(opened);
      window.history.replaceState(null, '', window.location.pathname);
    };
    take();
    // Another link may be opened in the same tab, which does not load the page anew.
    window.addEventListener('hashchange', take);
    return () => window.removeEventListener('hashchange', take);
  }, []);
  return fragment;
}
