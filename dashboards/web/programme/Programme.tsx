// The pages of an event's programme, loaded together when the first of them is opened.
import { Route, Routes, useParams } from 'react-router';
import { OfOffice } from '../boxoffice/office';
import { NotFound } from '../pages/NotFound';
import { AccessPage } from './Access';
import { EventPage } from './EventPage';
import { Forms } from './Forms';
import { ImportPage } from './Import';
import { Rooms } from './Rooms';
import { Sessions } from './Sessions';
import { Speakers } from './Speakers';
import { Tracks } from './Tracks';

export default function Programme() {
  const { organization = '', event = '' } = useParams();
  return (
    <OfOffice org={organization} event={event} key={`${organization} ${event}`}>
      <Routes>
        <Route index element={<EventPage />} />
        <Route path="sessions" element={<Sessions />} />
        <Route path="rooms" element={<Rooms />} />
        <Route path="tracks" element={<Tracks />} />
        <Route path="speakers" element={<Speakers />} />
        <Route path="forms" element={<Forms />} />
        <Route path="access" element={<AccessPage />} />
        <Route path="import" element={<ImportPage />} />
        <Route path="*" element={<NotFound />} />
      </Routes>
    </OfOffice>
  );
}
