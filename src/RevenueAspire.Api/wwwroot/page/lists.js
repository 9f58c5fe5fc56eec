// Rebuild a list only if its content has changed, so that the keyboard focus stays.
import * as format from './format.js';

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function changed(list, value) {
  const key = JSON.stringify(value);
  if (list.shown === key) {
    return false;
  }

  list.shown = key;
  return true;
}

export function showRejects(list, none, rejects) {
  none.hidden = rejects.length > 0;
  if (!changed(list, rejects)) {
    return;
  }

  list.replaceChildren(...rejects.map(reject => {
    const item = document.createElement('li');
    const place = reject.line === undefined ? `byte ${format.count(reject.offset)}` : `line ${format.count(reject.line)}`;
    item.append(element('p', '', reject.reason), element('p', 'note', `${reject.source ?? 'a removed source'}, ${place}, ${format.time(reject.at)}`));
    if (reject.beginning !== '') {
      item.append(element('code', '', reject.beginning));
    }

    return item;
  }));
}

export function showTop(list, users, choose) {
  if (!changed(list, users)) {
    return;
  }

  const focused = [...list.children].findIndex(item => item.contains(document.activeElement));
  const most = users.reduce((most, user) => (BigInt(user.revenue) > most ? BigInt(user.revenue) : most), 1n);
  list.replaceChildren(...users.map(user => {
    const item = document.createElement('li');
    const button = element('button', '', '');
    button.type = 'button';
    button.title = 'Watch this user';
    const bar = element('span', 'bar', '');
    const filled = element('span', '', '');
    const revenue = BigInt(user.revenue);
    filled.style.setProperty('--share', revenue > 0n ? String(Number(revenue * 1000n / most) / 1000) : '0');
    bar.append(filled);
    button.append(element('span', 'id', user.userId), element('span', 'value', format.digits(user.revenue)), bar);
    button.addEventListener('click', () => choose(user.userId));
    item.append(button);
    return item;
  }));
  list.children[focused]?.querySelector('button').focus();
}
