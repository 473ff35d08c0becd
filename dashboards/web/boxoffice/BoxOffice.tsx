// The pages of an event's box office, loaded together when the first of them is opened.
import type { ReactNode } from 'react';
import { Route, Routes, useParams } from 'react-router';
import Role from '../pages/Role';
import { Discounts } from './Discounts';
import { MoneyPage } from './MoneyPage';
import { OfOffice, useMayHere } from './office';
import { Order } from './Order';
import { Orders } from './Orders';
import { Products } from './Products';
import { Quotas } from './Quotas';
import { Refunds } from './Refunds';
import { SalesSettings } from './SalesSettings';
import { Start } from './Start';
import { Waitlist } from './Waitlist';
import { WaitingRoom } from './WaitingRoom';

export default function BoxOffice() {
  const { organization = '', event = '' } = useParams();
  return (
    <OfOffice org={organization} event={event} key={`${organization} ${event}`}>
      <Routes>
        <Route index element={<Start />} />
        <Route
          path="products"
          element={
            <Manages act="manage_events">
              <Products />
            </Manages>
          }
        />
        <Route
          path="quotas"
          element={
            <Manages act="manage_events">
              <Quotas />
            </Manages>
          }
        />
        <Route
          path="discounts"
          element={
            <Manages act="manage_events">
              <Discounts />
            </Manages>
          }
        />
        <Route
          path="room"
          element={
            <Manages act="manage_events">
              <WaitingRoom />
            </Manages>
          }
        />
        <Route
          path="settings"
          element={
            <Manages act="manage_events">
              <SalesSettings />
            </Manages>
          }
        />
        <Route
          path="orders"
          element={
            <Manages act="manage_orders">
              <Orders />
            </Manages>
          }
        />
        <Route
          path="orders/:order"
          element={
            <Manages act="manage_orders">
              <Order />
            </Manages>
          }
        />
        <Route
          path="refunds"
          element={
            <Manages act="manage_orders">
              <Refunds />
            </Manages>
          }
        />
        <Route
          path="waitlist"
          element={
            <Manages act="manage_orders">
              <Waitlist />
            </Manages>
          }
        />
        <Route
          path="money"
          element={
            <Manages act="manage_orders">
              <MoneyPage />
            </Manages>
          }
        />
      </Routes>
    </OfOffice>
  );
}

/** Shows a page to whoever may do this at the event, and tells others what they may do instead. */
function Manages({ act, children }: { act: 'manage_events' | 'manage_orders'; children: ReactNode }) {
  return useMayHere(act) ? children : <Role refused />;
}
