// Shows one user's revenue, asked for again with each snapshot.
import * as format from './format.js';

const byId = id => document.getElementById(id);

/**
 * @param {() => string | null} secret What to send as Authorization.
 */
export function watchUser(secret) {
  let user = '';
  let asking = false;
  let announced = true;

  async function tick() {
    if (user === '' || asking) {
      return;
    }

    asking = true;
    const asked = user;
    try {
      const given = secret();
      const response = await fetch(`/userEvents?userId=${encodeURIComponent(asked)}`, { headers: given ? { Authorization: given } : {}, cache: 'no-store' });
      const body = await response.text();
      if (asked === user) {
        show(asked, response.status, body);
      }
    } catch (error) {
      // The stream says that the connection is lost; the next snapshot asks again.
      if (!(error instanceof TypeError)) {
        throw error;
      }
    } finally {
      asking = false;
    }

    if (asked !== user) {
      tick();
    }
  }

  function show(id, status, body) {
    // The number is cut out of the text: as a Number, digits beyond the sixteenth would be lost.
    const revenue = status === 200 ? /"revenue":(-?\d+)\}$/.exec(body.trim()) : null;
    const value = revenue ? format.digits(revenue[1]) : status === 404 ? 'has no events' : status === 400 ? 'is no user id' : 'cannot be asked now';
    byId('watched').hidden = false;
    byId('watched-id').textContent = id;
    if (byId('watched-value').textContent !== value) {
      byId('watched-value').textContent = value;
    }

    // Said once; what changes later is there to be read.
    if (!announced) {
      announced = true;
      byId('watched-said').textContent = `${id}: ${value}`;
    }
  }

  function watch(id) {
    user = id;
    announced = false;
    byId('user').value = id;
    byId('watched').hidden = true;
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
