// Loaded into a node's process (`node --import`): its clocks go wrong as a file says: {"jumpMs": N, "rate": R}. The time of day jumps; the
// monotonic clock goes at another rate, and never back. The file is named by `?file=` of this module's address.
import { readFileSync, watchFile } from 'node:fs';

const file = new URL(import.meta.url).searchParams.get('file');

if (file !== null) {
  const trueNow = performance.now.bind(performance);
  const trueDate = Date.now;
  let jumpMs = 0;
  let rate = 1;
  // The faulty clock equals `shownMs` at the true `sinceMs`.
  let sinceMs = trueNow();
  let shownMs = sinceMs;
  const faulty = () => shownMs + (trueNow() - sinceMs) * rate;
  performance.now = faulty;
  Date.now = () => Math.round(trueDate() + jumpMs);
  process.hrtime = Object.assign((since) => split(BigInt(Math.round(faulty() * 1e6)), since), {
    bigint: () => BigInt(Math.round(faulty() * 1e6)),
  });
  watchFile(file, { interval: 100, persistent: false }, () => {
    try {
      const fault = JSON.parse(readFileSync(file, 'utf8'));
      [shownMs, sinceMs] = [faulty(), trueNow()];
      ({ jumpMs, rate } = fault);
    } catch {
      // Half written: the next look finds all of it.
    }
  });
}

function split(ns, since) {
  const [seconds, rest] = [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
  if (since === undefined) return [seconds, rest];
  const borrow = rest < since[1] ? 1 : 0;
  return [seconds - since[0] - borrow, rest - since[1] + borrow * 1_000_000_000];
}
