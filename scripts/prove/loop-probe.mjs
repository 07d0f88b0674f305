// Loaded into a node's process beside it (`node --import`): how late a timer of 5 ms comes. One JSON line per second: time of day, delay, and the
// part of it that the thread was ready and had no processor, for each look.
import { appendFile, existsSync, openSync, readSync } from 'node:fs';

const EVERY_MS = 5;
const file = process.env.LOOP_PROBE_FILE;

if (file !== undefined) {
  const bytes = Buffer.alloc(100);
  const STATISTICS = '/proc/self/schedstat';
  const statistics = existsSync(STATISTICS) ? openSync(STATISTICS, 'r') : null;
  /** Time that the main thread has waited for a processor so far; 0 where the system does not tell. */
  const waitedMs = () =>
    statistics === null ? 0 : Number(bytes.toString('latin1', 0, readSync(statistics, bytes, 0, 100, 0)).split(' ')[1]) / 1e6;
  let samples = [];
  let lastMs = performance.now();
  let lastWaitedMs = waitedMs();
  setInterval(() => {
    const nowMs = performance.now();
    const nowWaitedMs = waitedMs();
    samples.push(Math.round(performance.timeOrigin + nowMs), rounded(nowMs - lastMs - EVERY_MS), rounded(nowWaitedMs - lastWaitedMs));
    lastMs = nowMs;
    lastWaitedMs = nowWaitedMs;
  }, EVERY_MS).unref();
  setInterval(() => {
    const line = `${JSON.stringify(samples)}\n`;
    samples = [];
    appendFile(file, line, () => {});
  }, 1000).unref();
}

function rounded(ms) {
  return Math.max(0, Math.round(ms * 100) / 100);
}
