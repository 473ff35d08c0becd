// Where the shop begins: a bundle of its own, so that nobody who buys a ticket loads the organizers' pages.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, StrictMode, Suspense } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter, Route, Routes } from 'react-router';
import { Refusal } from '../server/http';
import { Choose } from './Choose';
import { Frame } from './Frame';
import { Missing } from './Missing';
import { Speaking } from './words/speaking';
import './style.css';

const Checkout = lazy(() => import('./Checkout'));
const OrderPage = lazy(() => import('./OrderPage'));
const TurnPage = lazy(() => import('./TurnPage'));

/** Attempts after the first: what the server refuses stays refused, what it does not answer may pass. */
const RETRIES = 3;

const isPassing = ({ status }: Refusal): boolean => status === 0 || status === 429 || status >= 502;

const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < RETRIES && (!(error instanceof Refusal) || isPassing(error)),
      retryDelay: (attempt) => Math.min(400 * 2 ** attempt, 5_000),
    },
  },
});

const root = document.getElementById('root');
if (!root) throw new Error('the document has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <Speaking>
        <BrowserRouter>
          <Suspense fallback={null}>
            <Routes>
              <Route path="/shop/:seller/:event" element={<Frame />}>
                <Route index element={<Choose />} />
                <Route path="checkout" element={<Checkout />} />
                <Route path="orders/:order" element={<OrderPage />} />
                <Route path="waitlist/:wait" element={<TurnPage />} />
                <Route path="*" element={<Missing />} />
              </Route>
              <Route path="*" element={<Missing />} />
            </Routes>
          </Suspense>
        </BrowserRouter>
      </Speaking>
    </QueryClientProvider>
  </StrictMode>,
);
