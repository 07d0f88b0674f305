// A process that sets keys of a map: first each of them once, then random ones at a rate. One JSON line per second, and when all are filled.
import { bytes } from '@quorate/resources';
import { Quorate } from 'quorate';

const VALUE_BYTES = 1024;
/** Sets that wait for their answers at a time. */
const OPEN_MAX = 2048;
const TURN_MS = 5;

const [addresses, keysText, rateText] = process.argv.slice(2);
const keys = Number(keysText);
const rate = Number(rateText);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const quorate = await Quorate.connect(addresses, { deadlineMs: 60_000, sessionTtlMs: 60_000 });
const map = quorate.map('big', { codec: bytes() });
const value = new Uint8Array(VALUE_BYTES);
for (let at = 0; at < VALUE_BYTES; at++) value[at] = (at * 131) % 251;
let open = 0;
let done = 0;
const errors = {};
let longestMs = 0;

async function set(number) {
  open++;
  const sinceMs = performance.now();
  new DataView(value.buffer).setFloat64(0, number + sinceMs);
  try {
    // The bytes are taken at the call.
    await map.set(`key-${String(number).padStart(9, '0')}`, value);
    done++;
    longestMs = Math.max(longestMs, performance.now() - sinceMs);
  } catch (error) {
    errors[error.code] = (errors[error.code] ?? 0) + 1;
  } finally {
    open--;
  }
}

let phase = 'fill';
let filled = 0;
let dueMs = performance.now();
setInterval(() => {
  if (phase === 'fill') {
    while (filled < keys && open < OPEN_MAX) void set(filled++);
    if (filled === keys && open === 0) {
      phase = 'steady';
      dueMs = performance.now();
      tell({ event: 'filled', done });
    }
    return;
  }
  // What is not sent in time because the machine is slower is not sent later.
  const nowMs = performance.now();
  let count = Math.min(rate / 10, ((nowMs - dueMs) * rate) / 1000);
  dueMs = nowMs;
  for (; count >= 1 && open < OPEN_MAX; count--) void set(Math.floor(Math.random() * keys));
  dueMs -= (Math.min(1, count) * 1000) / rate;
}, TURN_MS);
setInterval(() => {
  tell({ event: 'progress', phase, atMs: Date.now(), done, open, longestMs: Math.round(longestMs), errors });
  longestMs = 0;
}, 1000);
