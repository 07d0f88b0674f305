// A process that sets keys of a map: first each of them once, then random ones at even times, so many a second, whatever becomes of those before. One
// JSON line per second, and when all are filled.
import { MAP } from '@quorate/resources';
import { Quorate } from 'quorate';

/** Sets that wait for their answers at a time: what a standstill of the machine leaves behind is a burst that all nodes bear at once, of no more than that. */
const OPEN_MAX = 640;
/** Between two looks at what is due: what comes due in between leaves as one batch. */
const TURN_MS = 5;

const [addresses, keysText, rateText, valueBytesText] = process.argv.slice(2);
const keys = Number(keysText);
const rate = Number(rateText);
const valueBytes = Number(valueBytesText);
/** What this process is late with follows at twice the rate, not in one burst that the nodes would have to bear. */
const TURN_SETS_MAX = Math.ceil((2 * rate * TURN_MS) / 1000);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const quorate = await Quorate.connect(addresses, { deadlineMs: 60_000, sessionTtlMs: 60_000 });
// The interface without promises: this process is to take as little of the machine as it can.
const map = quorate.resources.client.handle(MAP, 'big');
const value = new Uint8Array(valueBytes);
for (let at = 0; at < valueBytes; at++) value[at] = (at * 131) % 251;
const valueView = new DataView(value.buffer);
/** `key-` and nine digits. The bytes of key and value are taken at the call. */
const key = new Uint8Array(13);
key.set(new TextEncoder().encode('key-'));
const errors = {};
let open = 0;
let done = 0;
let longestMs = 0;

function set(number) {
  open++;
  const sinceMs = performance.now();
  let digits = number;
  for (let at = 12; at > 3; at--) {
    key[at] = 48 + (digits % 10);
    digits = Math.floor(digits / 10);
  }
  valueView.setFloat64(0, number + sinceMs);
  map.command('set', { key, value, ttlMs: null, fence: null }, {}, (error) => {
    open--;
    if (error === null) done++;
    else errors[error.code] = (errors[error.code] ?? 0) + 1;
    longestMs = Math.max(longestMs, performance.now() - sinceMs);
  });
}

let phase = 'fill';
let filled = 0;
let sinceMs = 0;
/** In the steady phase: sets that were due, those of them that found no room because too many waited, and were left out. */
let due = 0;
let leftOut = 0;
setInterval(() => {
  if (phase === 'fill') {
    while (filled < keys && open < OPEN_MAX) set(filled++);
    if (filled === keys && open === 0) {
      phase = 'steady';
      sinceMs = performance.now();
      tell({ event: 'filled', done });
    }
    return;
  }
  const dueNow = Math.floor(((performance.now() - sinceMs) * rate) / 1000);
  for (let count = 0; due < dueNow && count < TURN_SETS_MAX && open < OPEN_MAX; count++, due++) set(Math.floor(Math.random() * keys));
  // What finds no room is not sent later.
  if (open >= OPEN_MAX) {
    leftOut += dueNow - due;
    due = dueNow;
  }
}, TURN_MS);
setInterval(() => {
  tell({ event: 'progress', phase, atMs: Date.now(), done, open, leftOut, longestMs: Math.round(longestMs), errors });
  longestMs = 0;
}, 1000);
