import { type Call, CallTracker } from '@quorate/checkers';
import { type RealObject, realObject } from './real-objects.js';
import type { TestHistory } from './random-history.js';

/**
 * True if the calls can be put in an order, within what real time allows, in which a real object gives the answers that they had. Tries every
 * order, with and without each call of which nobody knows: for at most some eight calls. Failed calls say nothing here, except those listed.
 */
export function isLinearizable(history: TestHistory, tellingErrors: readonly string[] = ['versionMismatch', 'notHeld']): boolean {
  const calls: Call[] = [];
  const tracker = new CallTracker(history.header, { invoked: (call) => calls.push(call) });
  for (const event of history.events) tracker.take(event);
  tracker.finish();
  const judged = calls.filter((call) => call.outcome !== 'fail' || tellingErrors.includes(call.error));
  const [first] = history.header.objects;
  return first !== undefined && search(judged, realObject(first.kind));
}

function search(left: readonly Call[], object: RealObject): boolean {
  if (left.every(({ outcome }) => outcome === 'info')) return true;
  const earliestReturn = Math.min(...left.map((call) => (call.outcome === 'info' ? Number.POSITIVE_INFINITY : call.returnedAt)));
  return left.some((call) => {
    if (call.invokedAt > earliestReturn) return false;
    const next = object.copy();
    const got = next.apply(call.op, call.args);
    const fits =
      call.outcome === 'info'
        ? true
        : 'error' in got
          ? call.outcome === 'fail' && call.error === got.error
          : call.outcome === 'ok' &&
            (call.op === 'write' || call.op === 'enqueue' || call.op === 'release' || sameJson(got.result, call.result));
    return (
      fits &&
      search(
        left.filter((each) => each !== call),
        next,
      )
    );
  });
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
