import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryEvent, HistoryFields, HistoryValue } from '@quorate/checkers';
import { type FinalMap, checkCounter, checkFencedMap, checkHolders, checkMap, objectsOf } from '@quorate/testkit';

/** Events as they would be recorded: each call ends before the next begins, unless `open` and `close` say otherwise. */
class Story {
  readonly events: HistoryEvent[] = [];
  #process = 0;

  call(client: string, op: string, args: HistoryFields, outcome: HistoryValue | Error, isSequential = false): this {
    this.close(this.open(client, op, args, isSequential), outcome);
    return this;
  }
  open(client: string, op: string, args: HistoryFields, isSequential = false): number {
    const process = this.#process++;
    const consistency = isSequential ? 'sequential' : 'linearizable';
    this.events.push({ type: 'invoke', timeMs: this.events.length, process, client, object: 'o', op, args, consistency });
    return process;
  }
  close(process: number, outcome: HistoryValue | Error): this {
    const timeMs = this.events.length;
    if (!(outcome instanceof Error)) this.events.push({ type: 'ok', timeMs, process, result: outcome });
    else this.events.push({ type: outcome.message === 'unknown' ? 'info' : 'fail', timeMs, process, error: outcome.message });
    return this;
  }
  told(client: string, event: string, fields: HistoryFields): this {
    this.events.push({ type: 'told', timeMs: this.events.length, client, object: 'o', event, fields });
    return this;
  }
  set(client: string, key: string, value: string, version: number, previousVersion: number | null = null): this {
    return this.call(client, 'set', { key, value }, { version, previousVersion });
  }
  changed(watch: string, version: number, key: string, value: string | null, change = 'set'): this {
    return this.told('w', 'changed', { watch, version, change, key, value });
  }
  get history() {
    return objectsOf(this.events).get('o') ?? { calls: [], told: [] };
  }
}

function faultsOfMap(story: Story, final: FinalMap): string[] {
  const faults: string[] = [];
  checkMap('o', story.history, final, (fault) => faults.push(fault));
  return faults;
}

const ONE = { version: 1, entries: [{ key: 'k', value: 'a', version: 1 }] };
const TWO = { version: 2, entries: [{ key: 'k', value: 'b', version: 2 }] };
const unknown = new Error('unknown');
const refused = new Error('versionMismatch');

/** A sound history, and what must be found in each broken one. */
const MAPS: readonly (readonly [string, RegExp | null, Story, FinalMap])[] = [
  [
    'all is well',
    null,
    new Story().set('c', 'k', 'a', 1).set('c', 'k', 'b', 2, 1).call('d', 'get', { key: 'k' }, { value: 'b', version: 2 }),
    TWO,
  ],
  ['an acknowledged write is lost', /lost/, new Story().set('c', 'k', 'a', 1), { version: 0, entries: [] }],
  ['the end is not the last write', /at the end/, new Story().set('c', 'k', 'a', 1), { version: 1, entries: [] }],
  [
    'a refused write happened',
    /failed/,
    new Story().call('c', 'compareAndSet', { key: 'k', value: 'a' }, refused).changed('w', 1, 'k', 'a'),
    ONE,
  ],
  ['a write happened twice', /twice/, new Story().set('c', 'k', 'a', 1).changed('w', 2, 'k', 'a'), { version: 2, entries: [] }],
  ['nobody wrote it', /nobody/, new Story().changed('w', 1, 'k', 'a'), ONE],
  ['two were told different changes of a version', /version 1 is/, new Story().set('c', 'k', 'a', 1).set('d', 'k', 'b', 1), ONE],
  ['versions against real time', /after 2 was acknowledged/, new Story().set('c', 'k', 'b', 2, 1).set('d', 'k', 'a', 1), TWO],
  ['a stale linearizable read', /saw null/, new Story().set('c', 'k', 'a', 1).call('d', 'get', { key: 'k' }, null), ONE],
  ['a sequential read may be stale', null, new Story().set('c', 'k', 'a', 1).call('d', 'get', { key: 'k' }, null, true), ONE],
  ['but not of what its client did', /saw null/, new Story().set('c', 'k', 'a', 1).call('c', 'get', { key: 'k' }, null, true), ONE],
  ['a read of the future', /not within/, new Story().call('d', 'size', {}, { size: 1, version: 1 }).set('c', 'k', 'a', 1), ONE],
  [
    'a page of two moments',
    /never were together/,
    (() => {
      const story = new Story();
      const scan = story.open('d', 'scan', {});
      story.set('c', 'k', 'a', 1).call('c', 'remove', { key: 'k' }, true).changed('w', 2, 'k', null, 'removed').set('c', 'l', 'b', 3);
      const entries = ['k:a:1', 'l:b:3']
        .map((entry) => entry.split(':'))
        .map(([key, value, version]) => ({ key, value, version: Number(version) }));
      return story.close(scan, { entries, hasMore: false } as HistoryValue);
    })(),
    { version: 3, entries: [{ key: 'l', value: 'b', version: 3 }] },
  ],
  ['a wrong version before', /was there before/, new Story().set('c', 'k', 'a', 1).set('c', 'k', 'b', 2, null), TWO],
  [
    'T66: a watch left a change out',
    /where 1 was due/,
    new Story()
      .call('w', 'watch', { watch: 'w', prefix: '', afterVersion: 0 }, { version: 0 })
      .set('c', 'k', 'a', 1)
      .set('c', 'k', 'b', 2, 1)
      .changed('w', 2, 'k', 'b'),
    TWO,
  ],
  [
    'T66: a watch told a change twice',
    /2 of 1/,
    new Story()
      .call('w', 'watch', { watch: 'w', prefix: '', afterVersion: 0 }, { version: 0 })
      .set('c', 'k', 'a', 1)
      .changed('w', 1, 'k', 'a')
      .changed('w', 1, 'k', 'a'),
    ONE,
  ],
  [
    'an entry ended too early',
    /expired/,
    new Story()
      .call('c', 'set', { key: 'k', value: 'a', ttlMs: 100 }, { version: 1, previousVersion: null })
      .changed('w', 2, 'k', null, 'expired'),
    { version: 2, entries: [] },
  ],
  ['an unknown write may be there', null, new Story().call('c', 'set', { key: 'k', value: 'a' }, unknown).changed('w', 1, 'k', 'a'), ONE],
];

for (const [situation, pattern, story, final] of MAPS) {
  test(`checks of maps: ${situation} → ${pattern === null ? 'no fault' : 'told'}`, () => {
    const faults = faultsOfMap(story, final);
    if (pattern === null) assert.deepEqual(faults, []);
    else
      assert.ok(
        faults.some((fault) => pattern.test(fault)),
        faults.join('\n') || 'no fault was told',
      );
  });
}

const token = (index: number): HistoryFields => ({ token: [1, index] });

test('checks of holders: tokens that grow; the same twice, one that falls, an observer told of an older leader → no fault; told', () => {
  const faultsOf = (story: Story): string[] => {
    const faults: string[] = [];
    checkHolders('o', story.history, (fault) => faults.push(fault));
    return faults;
  };
  assert.deepEqual(
    faultsOf(new Story().call('a', 'acquire', {}, token(1)).call('b', 'tryAcquire', {}, null).call('b', 'acquire', {}, token(2))),
    [],
  );
  assert.match(faultsOf(new Story().call('a', 'acquire', {}, token(1)).call('b', 'campaign', {}, token(1))).join(), /given to a and to b/);
  assert.match(faultsOf(new Story().call('a', 'acquire', {}, token(2)).call('b', 'acquire', {}, token(1))).join(), /after 2 was given/);
  const observed = new Story().told('a', 'leaderChanged', { leader: token(2) }).told('a', 'leaderChanged', { leader: token(1) });
  assert.match(faultsOf(observed).join(), /leader 1 after 2/);
});

test('checks of fenced maps: T65: a write of a past holder after one of a later holder → told', () => {
  const faultsOf = (first: number, second: number): string[] => {
    const write = (story: Story, version: number, index: number): Story =>
      story.call(
        'a',
        'set',
        { key: 'k', value: `${version}`, fence: { lock: 'l', token: [1, index] } },
        { version, previousVersion: null },
      );
    const faults: string[] = [];
    checkFencedMap('o', write(write(new Story(), 1, first), 2, second).history, (fault) => faults.push(fault));
    return faults;
  };
  assert.deepEqual(faultsOf(3, 3), []);
  assert.match(faultsOf(3, 2).join(), /token 2, after 1 with 3/);
});

test('checks of counters: exact with unknown adds; lost, twice, stale, out of order → no fault; told', () => {
  const faultsOf = (story: Story, final: number): string => {
    const faults: string[] = [];
    checkCounter('o', story.history, final, (fault) => faults.push(fault));
    return faults.join('\n');
  };
  const two = (): Story => new Story().call('a', 'add', { delta: 2 }, 2).call('b', 'add', { delta: 1 }, unknown);
  assert.equal(faultsOf(two(), 2), '');
  assert.equal(faultsOf(two(), 3), '');
  assert.match(faultsOf(two(), 1), /1 at the end/);
  assert.match(faultsOf(two(), 4), /4 at the end/);
  assert.match(faultsOf(two().call('a', 'get', {}, 1), 3), /gave 1, not 2/);
  assert.match(faultsOf(two().call('a', 'add', { delta: 1 }, 2), 3), /gave 2, not 3/);
  const both = new Story();
  const [first, second] = [both.open('a', 'add', { delta: 2 }), both.open('b', 'add', { delta: 2 })];
  assert.match(faultsOf(both.close(first, 2).close(second, 3), 4), /from 1, and another 2/);
});
