// The page: stores the figures of the last minutes, shows each snapshot, and watches one user.
import { curve } from './charts.js';
import * as format from './format.js';
import { follow } from './stream.js';
import { showRejects, showTop } from './lists.js';
import { showHistory } from './history.js';
import { watchUser } from './search.js';

const maxPoints = 1800;
const byId = id => document.getElementById(id);
const course = { at: [], total: [], rate: [], lag: [] };
let secret = null;

// Write only changed text, so that a screen reader keeps its position and a selection stays.
const show = (id, text) => {
  const element = byId(id);
  if (element.textContent !== text) {
    element.textContent = text;
  }
};

const state = (name, text) => {
  byId('state').dataset.state = name;
  byId('figures').classList.toggle('stale', name !== 'live');
  show('state', text);
  show('age', name === 'live' || course.at.length === 0 ? '' : `figures of ${format.time(course.at.at(-1))}`);
};

const drawTotal = curve(byId('total-plot'), {
  line: '--accent', fill: '--accent-soft', axes: true, fromZero: false, label: format.compact,
  pointed: index => show('total-pointed', index === null || !course.at[index] ? '' : `${format.time(course.at[index])}   ${format.digits(course.total[index])}`),
});
const drawRate = curve(byId('rate-plot'), { line: '--second', fill: '--second-soft', axes: false, fromZero: true, label: format.compact });
const drawLag = curve(byId('lag-plot'), { line: '--third', fill: '--third-soft', axes: false, fromZero: true, label: format.bytes });

function add(at, total, rate, lag) {
  course.at.push(at);
  course.total.push(total);
  course.rate.push(rate);
  course.lag.push(lag);
  if (course.at.length > maxPoints) {
    Object.values(course).forEach(column => column.shift());
  }
}

// Keep the points that are older than the server's history, so that a restart of the server removes none.
function takeHistory(history) {
  const known = history.at.length === 0 ? course.at.length : course.at.findIndex(at => at >= history.at[0]);
  if (known >= 0) {
    Object.values(course).forEach(column => column.splice(known));
  }

  history.at.forEach((at, index) => add(at, history.totalRevenue[index], history.eventsPerSecond[index], history.lagBytes[index]));
}

const most = numbers => numbers.reduce((most, number) => Math.max(most, number), 0);

function draw() {
  const seconds = course.at.map(at => at / 1000);
  drawTotal(seconds, course.total.map(Number));
  drawRate(seconds, course.rate);
  drawLag(seconds, course.lag);
  const last = course.at.length - 1;
  if (last < 0) {
    return;
  }

  const change = BigInt(course.total[last]) - BigInt(course.total[0]);
  const passed = format.span(course.at[last] - course.at[0]);
  show('total-summary', change === 0n ? `Unchanged in the last ${passed}` : `${change > 0n ? 'Up' : 'Down'} ${format.digits(change < 0n ? -change : change)} in the last ${passed}`);
  show('rate-summary', `At most ${format.rate(most(course.rate))} in the last ${passed}`);
  show('lag-summary', most(course.lag) === 0 ? `None in the last ${passed}` : `At most ${format.bytes(most(course.lag))} in the last ${passed}`);
  if (byId('course').open) {
    listCourse();
  }
}

function listCourse() {
  const step = Math.max(1, Math.ceil(course.at.length / 10));
  const rows = [];
  for (let index = course.at.length - 1; index >= 0; index -= step) {
    const row = document.createElement('tr');
    [format.time(course.at[index]), format.digits(course.total[index]), format.rate(course.rate[index])].forEach((text, column) => {
      const cell = document.createElement('td');
      cell.textContent = text;
      cell.className = column === 0 ? '' : 'number';
      row.append(cell);
    });
    rows.push(row);
  }

  byId('course-rows').replaceChildren(...rows);
}

function showSnapshot(snapshot) {
  const known = snapshot.totalRevenue !== undefined;
  const isOld = snapshot.state !== 'current';
  state(isOld ? 'unavailable' : 'live', isOld ? 'The database is unavailable: events are still accepted, the figures are older' : 'Live');
  byId('ask').hidden = true;
  byId('figures').hidden = !known;
  byId('empty').hidden = !known || snapshot.events > 0 || snapshot.rejectedLines > 0;
  if (!known) {
    return;
  }

  if (!isOld && snapshot.at > (course.at.at(-1) ?? 0)) {
    add(snapshot.at, snapshot.totalRevenue, snapshot.eventsPerSecond, snapshot.lagBytes);
  }

  show('total', format.digits(snapshot.totalRevenue));
  show('rate', isOld ? '–' : format.rate(snapshot.eventsPerSecond));
  show('events', format.count(snapshot.events));
  show('rejected', snapshot.rejectedLines === 0 ? 'no line was rejected' : snapshot.rejectedLines === 1 ? '1 line was rejected' : `${format.count(snapshot.rejectedLines)} lines were rejected`);
  show('lag', isOld ? '–' : snapshot.lagBytes === 0 ? 'None' : format.bytes(snapshot.lagBytes));
  show('processors', isOld ? '–' : format.count(snapshot.processorsAtWork));
  show('processors-note', isOld ? '' : snapshot.processorsAtWork > 0 ? 'hold a lease now' : 'no processor applies new events');
  showRejects(byId('rejects'), byId('rejects-none'), snapshot.latestRejects ?? []);
  showTop(byId('top'), snapshot.topUsers?.users ?? [], watched.watch);
  byId('top-none').hidden = snapshot.topUsers?.users.length !== 0;
  show('top-age', snapshot.topUsers ? `as of ${format.time(snapshot.topUsers.at)}` : 'search in progress');
  draw();
  watched.tick(snapshot.history === true);
}

const watched = watchUser(() => secret, showHistory(() => secret));
const restart = follow(() => secret, {
  message(name, data) {
    if (name === 'history') {
      takeHistory(data);
    } else if (name === 'snapshot') {
      showSnapshot(data);
    }
  },
  lost(seconds) {
    state('lost', 'Connection lost, trying again');
    byId('state').title = `next try in ${seconds} s`;
  },
  refused() {
    const first = byId('ask').hidden;
    state('lost', 'A secret or token is needed');
    byId('ask').hidden = false;
    byId('figures').hidden = true;
    byId('empty').hidden = true;
    byId('ask-wrong').hidden = secret === null;
    secret = null;
    if (first) {
      byId('secret').focus();
    }
  },
});

byId('ask-form').addEventListener('submit', event => {
  event.preventDefault();
  const given = byId('secret').value;
  // A JSON Web Token has three parts of base64url, and the first is a JSON object. The page sends any other text unchanged, as a secret.
  secret = /^\s*ey[\w-]+\.[\w-]+\.[\w-]+\s*$/.test(given) ? `Bearer ${given.trim()}` : given;
  byId('secret').value = '';
  restart();
});

byId('curl').textContent = `curl ${location.origin}/liveEvent -H 'Authorization: secret' -H 'Content-Type: application/json' -d '{"userId":"user1","name":"add_revenue","value":98}'`;
byId('copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(byId('curl').textContent);
    show('copy', 'Copied');
  } catch {
    // Browsers offer the clipboard only to https and localhost, and ask the user. Without the clipboard, select the text instead.
    getSelection().selectAllChildren(byId('curl'));
    show('copy', 'Selected');
  }
});
byId('course').addEventListener('toggle', listCourse);
