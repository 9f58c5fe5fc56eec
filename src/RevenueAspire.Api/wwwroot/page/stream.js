// Follows GET /liveLedger, and reconnects automatically. Uses fetch, because EventSource cannot send the Authorization header.
const firstPause = 500;
const longestPause = 15000;
const silence = 15000;

/**
 * @param {() => string | null} secret The Authorization header.
 * @param {{ message(name: string, data: object): void, lost(seconds: number): void, refused(): void }} on
 * @returns {() => void} Reconnects at once, for example with another secret.
 */
export function follow(secret, on) {
  let pause = firstPause;
  let timer = 0;
  let current = null;

  async function connect() {
    clearTimeout(timer);
    const abort = new AbortController();
    current = abort;
    let watchdog = setTimeout(() => abort.abort(), silence);
    try {
      const given = secret();
      const response = await fetch('/liveLedger', { headers: given ? { Authorization: given } : {}, cache: 'no-store', signal: abort.signal });
      if (response.status === 401 || response.status === 403) {
        on.refused();
        return;
      }

      if (response.ok) {
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let text = '';
        for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
          clearTimeout(watchdog);
          watchdog = setTimeout(() => abort.abort(), silence);
          text += chunk.value;
          for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
            const fields = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end));
            text = text.slice(end + 2);
            if (fields && current === abort) {
              pause = firstPause;
              on.message(fields[1], JSON.parse(fields[2]));
            }
          }
        }
      }
    } catch (error) {
      // No network, no server, or silence for too long: try again. Any other error is a bug of this page.
      if (!(error instanceof TypeError) && error.name !== 'AbortError') {
        throw error;
      }
    } finally {
      clearTimeout(watchdog);
    }

    if (current === abort) {
      // A random wait, so that not all viewers reconnect at the same moment.
      const wait = pause * (0.75 + Math.random() / 2);
      pause = Math.min(longestPause, pause * 2);
      on.lost(Math.max(1, Math.round(wait / 1000)));
      timer = setTimeout(connect, wait);
    }
  }

  function begin() {
    const former = current;
    current = null;
    former?.abort();
    pause = firstPause;
    connect();
  }

  begin();
  addEventListener('online', begin);
  return begin;
}
