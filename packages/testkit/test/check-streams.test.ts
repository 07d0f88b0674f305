import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { type AppendRecord, History, checkStreams } from '@quorate/testkit';

const safe = new QuorateError('overloaded', 'x');
const unknown = new QuorateError('deadlineExceeded', 'x');

function appended(history: History, value: string, offset: number, error: QuorateError | null = null, client = 'c'): AppendRecord {
  const append = history.beginAppend({ client, stream: 's', values: [value], nowMs: 0 });
  history.endAppend(append, 1, error, offset);
  return append;
}

function faultsOf(prepare: (history: History) => void, records: readonly string[]): string {
  const history = new History();
  prepare(history);
  return checkStreams(history, new Map([['s', records]])).join('\n');
}

const twoAppends = (history: History): void => {
  appended(history, 'a', 0);
  appended(history, 'b', 1);
};

test('checker: a sound history, with calls of unknown outcome either way → no fault', () => {
  const prepare = (history: History): void => {
    twoAppends(history);
    appended(history, 'u', -1, unknown);
    appended(history, 'n', -1, safe);
    const read = history.beginRead({ client: 'd', stream: 's', fromOffset: 1 });
    history.endRead(read, null, ['b']);
  };
  assert.equal(faultsOf(prepare, ['a', 'b']), '');
  assert.equal(faultsOf(prepare, ['a', 'b', 'u']), '');
});

test('checker: lost, doubled, moved, invented and refused-yet-present records → each is told', () => {
  assert.match(faultsOf(twoAppends, ['a']), /acknowledged b at 1 is missing/);
  assert.match(faultsOf(twoAppends, ['a', 'b', 'a']), /a stands twice, at 0 and 2/);
  assert.match(faultsOf(twoAppends, ['b', 'a']), /a was acknowledged at 0 and stands at 1/);
  assert.match(faultsOf(twoAppends, ['a', 'b', 'z']), /z at 2 was never appended/);
  assert.match(
    faultsOf((history) => void appended(history, 'n', -1, safe), ['n']),
    /n failed with overloaded \(safe\) and stands at 0/,
  );
  assert.match(
    faultsOf((history) => void appended(history, 'a', 0), ['b']),
    /missing|never appended/,
  );
});

test('checker: order of a caller and of real time broken → told', () => {
  const sameCaller = (history: History): void => {
    const first = history.beginAppend({ client: 'c', stream: 's', values: ['a'], nowMs: 0 });
    appended(history, 'b', 0);
    history.endAppend(first, 1, null, 1);
  };
  assert.match(faultsOf(sameCaller, ['b', 'a']), /c called a before b, but they stand at 1 and 0/);
  const twoCallers = (history: History): void => {
    appended(history, 'a', 1, null, 'c');
    appended(history, 'b', 0, null, 'd');
  };
  assert.match(faultsOf(twoCallers, ['b', 'a']), /a ended before b began, but they stand at 1 and 0/);
});

test('checker: a stale or wrong linearizable read → told', () => {
  const read =
    (values: string[], fromOffset: number) =>
    (history: History): void => {
      twoAppends(history);
      history.endRead(history.beginRead({ client: 'd', stream: 's', fromOffset }), null, values);
    };
  assert.match(faultsOf(read([], 1), ['a', 'b']), /empty after 1 was acknowledged/);
  assert.match(faultsOf(read(['z'], 0), ['a', 'b']), /saw z at 0, where a stands/);
  assert.equal(faultsOf(read([], 2), ['a', 'b']), '');
});

test('T77: a call that settles twice or never → told', () => {
  assert.match(
    faultsOf((history) => history.endAppend(appended(history, 'a', 0), 2, null, 0), ['a']),
    /settled 2 times/,
  );
  assert.match(
    faultsOf((history) => void history.beginAppend({ client: 'c', stream: 's', values: ['a'], nowMs: 0 }), []),
    /settled 0 times/,
  );
  assert.match(
    faultsOf((history) => void history.beginRead({ client: 'c', stream: 's', fromOffset: 0 }), []),
    /settled 0 times/,
  );
});
