// Shows one user's revenue and, if the ledger keeps a history, the user's latest events. Each snapshot triggers another request.
import * as format from './format.js';
import { parseHistory } from './history.js';

const byId = id => document.getElementById(id);
const events = 50;

/**
 * @param {() => string | null} secret The Authorization header.
 * @param {{ show(id: string, history: object): void, hide(): void }} history The list of events.
 */
export function watchUser(secret, history) {
  let user = '';
  let isAsking = false;
  let isAnnounced = true;
  let hasHistory = false;

  async function tick(hasHistoryNow = hasHistory) {
    hasHistory = hasHistoryNow;
    if (user === '' || isAsking) {
      return;
    }

    isAsking = true;
    const asked = user;
    const asksHistory = hasHistory;
    try {
      const given = secret();
      const query = `userId=${encodeURIComponent(asked)}`;
      const response = await fetch(asksHistory ? `/userHistory?${query}&limit=${events}` : `/userEvents?${query}`,
        { headers: given ? { Authorization: given } : {}, cache: 'no-store' });
      const body = await response.text();
      if (asked === user) {
        show(asked, asksHistory, response.status, body);
      }
    } catch (error) {
      // The state line already shows that the connection is lost; the next snapshot triggers another request.
      if (!(error instanceof TypeError)) {
        throw error;
      }
    } finally {
      isAsking = false;
    }

    if (asked !== user) {
      tick();
    }
  }

  function show(id, isHistory, status, body) {
    const answer = status === 200 ? parseHistory(body) : null;
    const value = answer ? format.digits(answer.revenue) : status === 404 ? 'has no events' : status === 400 ? 'is no user id' : 'is unavailable now';
    byId('watched').hidden = false;
    byId('watched-id').textContent = id;
    if (byId('watched-value').textContent !== value) {
      byId('watched-value').textContent = value;
    }

    byId('history-off').hidden = answer === null || isHistory;
    if (answer && isHistory) {
      history.show(id, answer);
    } else if (status !== 503) {
      history.hide();
    }

    // Announce the first value to screen readers; show later values silently.
    if (!isAnnounced) {
      isAnnounced = true;
      byId('watched-said').textContent = `${id}: ${value}`;
    }
  }

  function watch(id) {
    user = id;
    isAnnounced = false;
    byId('user').value = id;
    byId('watched').hidden = true;
    byId('history-off').hidden = true;
    history.hide();
    tick();
  }

  byId('search').addEventListener('submit', event => {
    event.preventDefault();
    watch(byId('user').value);
  });
  byId('user').addEventListener('input', () => {
    if (byId('user').value === '') {
      watch('');
    }
  });
  return { watch, tick };
}
