// Where the pages begin.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { App } from './App';
import { Refusal } from './server/http';
import './style.css';

/** Attempts after the first: what the server refuses stays refused, what it does not answer may pass. */
const RETRIES = 3;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < RETRIES && (!(error instanceof Refusal) || isPassing(error)),
      retryDelay: (attempt) => Math.min(400 * 2 ** attempt, 5_000),
    },
  },
});

function isPassing({ status }: Refusal): boolean {
  return status === 0 || status === 429 || status >= 502;
}

const root = document.getElementById('root');
if (!root) throw new Error('the document has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <BrowserRouter>
        <App />
      </BrowserRouter>
    </QueryClientProvider>
  </StrictMode>,
);
