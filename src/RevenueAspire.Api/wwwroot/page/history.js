// Shows the latest events of the watched user with the balance after each, draws the balance, and exports the whole history.
import { curve } from './charts.js';
import * as format from './format.js';

const byId = id => document.getElementById(id);
const digits = '(-?\\d+)';

/**
 * Reads an answer of GET /userHistory. Its sums become strings: they may have more digits than a Number.
 * @param {string} body
 */
export function parseHistory(body) {
  return JSON.parse(body.replace(new RegExp(`("(?:revenue|value|balance|opening)":)${digits}(?=[,}\\]])`, 'g'), '$1"$2"'));
}

/** @param {() => string | null} secret The Authorization header. */
export function showHistory(secret) {
  const draw = curve(byId('history-plot'), { line: '--accent', fill: '--accent-soft', axes: true, fromZero: false, label: format.compact, isStepped: true });
  let user = '';
  let shown = '';

  function row(item) {
    const made = document.createElement('tr');
    const time = item.time === null ? 'from a file' : format.moment(item.time);
    [time, item.name, format.digits(item.value), format.digits(item.balance)].forEach((text, column) => {
      const cell = document.createElement('td');
      cell.textContent = text;
      cell.className = column < 2 ? '' : 'number';
      made.append(cell);
    });
    return made;
  }

  function show(id, history) {
    const key = JSON.stringify([id, history]);
    byId('history').hidden = false;
    if (key === shown) {
      return;
    }

    if (id !== user) {
      byId('history-exported').textContent = '';
    }

    user = id;
    shown = key;
    byId('history-rows').replaceChildren(...history.items.map(row));
    byId('history-opening').textContent = format.digits(history.opening);
    const balances = [history.opening, ...history.items.map(item => item.balance).reverse()];
    byId('history-summary').textContent = history.items.length === 0 ? 'No event of this user is in the history.'
      : `Balance from ${format.digits(balances[0])} to ${format.digits(balances.at(-1))} in the latest ${history.items.length === 1 ? 'event' : `${history.items.length} events`}`;
    draw(balances.map((_, index) => index), balances.map(Number));
  }

  async function exportAll() {
    const exported = user;
    const report = text => {
      if (exported === user) {
        byId('history-exported').textContent = text;
      }
    };
    report('Export in progress');
    try {
      const given = secret();
      const headers = given ? { Accept: 'text/csv', Authorization: given } : { Accept: 'text/csv' };
      const response = await fetch(`/userHistory?userId=${encodeURIComponent(exported)}`, { headers, cache: 'no-store' });
      if (!response.ok) {
        report(`Export failed: ${(await response.json()).detail}`);
        return;
      }

      const link = document.createElement('a');
      link.href = URL.createObjectURL(await response.blob());
      link.download = 'history.csv';
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
      report('Exported as history.csv');
    } catch (error) {
      report('Export failed: the connection was lost');
      if (!(error instanceof TypeError)) {
        throw error;
      }
    }
  }

  byId('history-export').addEventListener('click', exportAll);
  return {
    show,
    hide() {
      byId('history').hidden = true;
    },
  };
}
