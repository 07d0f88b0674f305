import { test } from 'node:test';
import { Script } from './script.js';

const MAP = { name: 'm', kind: 'map' } as const;
const set = (script: Script, process: number, key: string, value: string, version: number, previousVersion: number | null = null): Script =>
  script.call(process, 'set', { key, value }, { version, previousVersion });

test('versions: two changes with one version → both lines are named', () => {
  const script = new Script(MAP).invoke(0, 'set', { key: 'a', value: '1' }).invoke(1, 'set', { key: 'b', value: '2' });
  script.ok(0, { version: 1, previousVersion: null }).ok(1, { version: 1, previousVersion: null });
  script.assertBad(['versions'], /version 1 is "b" = "2", but in line 4 it was "a" = "1"/);
});

test('versions: a write that began after another ended has a lower version → found', () => {
  set(set(new Script(MAP), 0, 'a', '1', 2), 1, 'b', '2', 1).assertBad(['versions'], /seen before it began \(2 was seen\)/);
});

test('versions: concurrent writes in any order → good', () => {
  const script = new Script(MAP).invoke(0, 'set', { key: 'a', value: '1' }).invoke(1, 'set', { key: 'b', value: '2' });
  script.ok(0, { version: 2, previousVersion: null }).ok(1, { version: 1, previousVersion: null }).assertGood();
});

test('versions: a size tells an older version than was seen → found', () => {
  set(new Script(MAP), 0, 'a', '1', 1)
    .call(1, 'size', {}, { size: 0, version: 0 })
    .assertBad(['versions'], /version 1 was seen before/);
});

test('exactly once: a value is seen with two versions → it happened twice', () => {
  const script = new Script(MAP).invoke(0, 'set', { key: 'a', value: '1' }).info(0);
  script
    .call(1, 'get', { key: 'a' }, { value: '1', version: 1 })
    .call(1, 'set', { key: 'a', value: '2' }, { version: 2, previousVersion: 1 });
  script.call(1, 'get', { key: 'a' }, { value: '1', version: 3 });
  script.assertBad(['exactlyOnce', 'linearizability'], /happened twice, at versions 1 and 3/);
});

test('exactly once: a call that failed for certain is seen, before or after it failed → found', () => {
  const before = new Script(MAP)
    .invoke(0, 'set', { key: 'a', value: '1' })
    .call(1, 'get', { key: 'a' }, { value: '1', version: 1 })
    .fail(0, 'notLeader');
  before.assertBad(['exactlyOnce', 'linearizability'], /certainly did not happen, but it made version 1/);
  const after = new Script(MAP)
    .invoke(0, 'set', { key: 'a', value: '1' })
    .fail(0, 'notLeader')
    .call(1, 'get', { key: 'a' }, { value: '1', version: 1 });
  after.assertBad(['exactlyOnce', 'linearizability'], /certainly did not happen, but it made version 1/);
});

test('exactly once: a value that nobody wrote, or for another key → found', () => {
  new Script(MAP)
    .call(0, 'get', { key: 'a' }, { value: 'x', version: 1 })
    .assertBad(['exactlyOnce', 'linearizability'], /was never written/);
  const other = new Script(MAP).invoke(0, 'set', { key: 'a', value: '1' }).call(1, 'get', { key: 'b' }, { value: '1', version: 1 });
  other
    .ok(0, { version: 1, previousVersion: null })
    .assertBad(['exactlyOnce', 'linearizability', 'versions'], /was written to another key/);
});

test('exactly once: more versions than calls → found', () => {
  set(new Script(MAP), 0, 'a', '1', 5).assertBad(['exactlyOnce'], /at version 5, but at most 1 changes were called for/);
});

test('exactly once: a value is written twice although values are unique → undecided, not good; declared → good', () => {
  const body = (script: Script): Script => set(set(script, 0, 'a', '1', 1), 0, 'a', '1', 2, 1);
  body(new Script(MAP)).assertBad(['exactlyOnce'], /is written twice/);
  body(new Script({ ...MAP, hasUniqueValues: false })).assertGood();
});

test('session order: pipelined writes of one client take effect in the other order → both calls are named', () => {
  const script = new Script(MAP)
    .invoke(0, 'set', { key: 'a', value: '1' }, { client: 'c' })
    .invoke(1, 'set', { key: 'b', value: '2' }, { client: 'c' });
  script
    .ok(1, { version: 1, previousVersion: null })
    .ok(0, { version: 2, previousVersion: null })
    .assertBad(['sessionOrder'], /in the wrong order/);
});

test('session order: pipelined writes in order, one unknown between → good', () => {
  const script = new Script(MAP)
    .invoke(0, 'set', { key: 'a', value: '1' }, { client: 'c' })
    .invoke(1, 'set', { key: 'b', value: '2' }, { client: 'c' });
  script.invoke(2, 'set', { key: 'c', value: '3' }, { client: 'c' }).ok(2, { version: 3, previousVersion: null }).info(1);
  script.ok(0, { version: 1, previousVersion: null }).assertGood();
});

test('session order: the first of three is still open when the others are answered in the wrong order → found', () => {
  const script = new Script(MAP);
  for (const process of [0, 1, 2]) script.invoke(process, 'set', { key: `k${process}`, value: `${process}` }, { client: 'c' });
  script
    .ok(1, { version: 3, previousVersion: null })
    .ok(2, { version: 2, previousVersion: null })
    .ok(0, { version: 1, previousVersion: null });
  script.assertBad(['sessionOrder'], /in the wrong order/);
});

test('T55: linearizable reads: an old value after a newer one was acknowledged → found, with the states that were possible', () => {
  const script = set(set(new Script(MAP), 0, 'a', '1', 1), 0, 'a', '2', 2, 1).call(1, 'get', { key: 'a' }, { value: '1', version: 1 });
  script.assertBad(['linearizability'], /no order of the calls of key "a"[\s\S]*"2" of version 2/);
});

test('linearizable reads: an acknowledged write is lost → found', () => {
  set(new Script(MAP), 0, 'a', '1', 1)
    .call(1, 'get', { key: 'a' }, null)
    .assertBad(['linearizability'], /explains this answer/);
});

test('linearizable writes: an answer tells another entry before it, or a version that its key had → found', () => {
  const start = (): Script => set(new Script(MAP), 0, 'a', '1', 1);
  set(start(), 0, 'a', '2', 2, null).assertBad(['linearizability'], /explains this answer/);
  set(start(), 0, 'b', '2', 2, 1).assertBad(['linearizability'], /explains this answer/);
  set(start(), 0, 'a', '2', 1, 1).assertBad(['linearizability', 'sessionOrder', 'versions'], /explains this answer/);
  start()
    .call(1, 'setIfAbsent', { key: 'a', value: '2' }, { isSet: true, version: 2 })
    .assertBad(['linearizability'], /explains this answer/);
  start().call(1, 'setIfAbsent', { key: 'a', value: '2' }, { isSet: false, version: 1 }).assertGood();
  start()
    .call(1, 'remove', { key: 'a' }, false)
    .assertBad(['linearizability'], /explains this answer/);
  start()
    .call(1, 'remove', { key: 'b' }, true)
    .assertBad(['linearizability'], /explains this answer/);
});

test('linearizable writes: the removal before it took a version of its own → one with that version is found', () => {
  const removed = (): Script => set(new Script(MAP), 0, 'a', '1', 1).call(0, 'remove', { key: 'a' }, true);
  set(removed(), 0, 'a', '2', 2).assertBad(['linearizability'], /removed at version 2 or later/);
  set(removed(), 0, 'a', '2', 3).assertGood();
});

test('linearizable writes: one at the version that its key had, which nobody else can tell → found', () => {
  // The first write is unknown, so that no rule but the order of the calls of the key knows its version from the answer.
  const script = new Script(MAP).call(0, 'set', { key: 'a', value: '1' }, { version: 2, previousVersion: null });
  script.invoke(1, 'set', { key: 'b', value: '2' }).info(1).invoke(2, 'get', { key: 'a' }).invoke(0, 'set', { key: 'a', value: '3' });
  script
    .ok(2, { version: 2, value: '1' })
    .ok(0, { version: 2, previousVersion: 1 })
    .assertBad(['linearizability', 'sessionOrder', 'versions'], /explains/);
});

test('linearizable reads: an unknown write is seen, then not, then seen → found; seen late → good', () => {
  const late = set(new Script(MAP), 0, 'a', '1', 1).invoke(1, 'set', { key: 'a', value: '2' }).info(1);
  late.call(0, 'get', { key: 'a' }, { value: '1', version: 1 }).call(0, 'get', { key: 'a' }, { value: '2', version: 2 });
  late.assertGood();
  late.call(0, 'get', { key: 'a' }, { value: '1', version: 1 }).assertBad(['linearizability'], /explains this answer/);
});

test('linearizable reads: compare-and-set on a stale version succeeds → found; its refusal on the present version → found', () => {
  const start = (): Script => set(set(new Script(MAP), 0, 'a', '1', 1), 0, 'a', '2', 2, 1);
  start()
    .call(1, 'compareAndSet', { key: 'a', version: 1, value: '3' }, { version: 3 })
    .assertBad(['linearizability'], /explains this answer/);
  start()
    .invoke(1, 'compareAndSet', { key: 'a', version: 2, value: '3' })
    .fail(1, 'versionMismatch')
    .assertBad(['linearizability'], /explains this answer/);
  start().invoke(1, 'compareAndSet', { key: 'a', version: 1, value: '3' }).fail(1, 'versionMismatch').assertGood();
});

test('linearizable reads: an entry without a time to live is gone → found; with one it may expire → good', () => {
  const put = (args: object): Script =>
    new Script(MAP).call(0, 'set', { key: 'a', value: '1', ...args }, { version: 1, previousVersion: null });
  put({})
    .call(0, 'get', { key: 'a' }, null)
    .assertBad(['linearizability'], /explains this answer/);
  put({ ttlMs: 5 }).call(0, 'get', { key: 'a' }, null).assertGood();
  put({ ttlMs: 5 })
    .call(0, 'get', { key: 'a' }, null)
    .call(0, 'get', { key: 'a' }, { value: '1', version: 1 })
    .assertBad(['linearizability'], /explains/);
});

test('T56: sequential reads: a read goes back behind what its client saw, of this key or by another → found', () => {
  const start = (): Script => set(set(new Script(MAP), 0, 'a', '1', 1), 0, 'b', '2', 2);
  const sequential = { consistency: 'sequential' } as const;
  start()
    .call(0, 'get', { key: 'a' }, null, sequential)
    .assertBad(['sequentialReads'], /a read went back/);
  start().call(1, 'get', { key: 'a' }, null, sequential).assertGood();
  // Having seen version 2 of one key, version 1 of the other must be there.
  start()
    .call(1, 'get', { key: 'b' }, { value: '2', version: 2 }, sequential)
    .call(1, 'get', { key: 'a' }, null, sequential)
    .assertBad(['sequentialReads'], /had seen version 2/);
  start()
    .call(1, 'get', { key: 'b' }, { value: '2', version: 2 }, sequential)
    .invoke(0, 'remove', { key: 'a' })
    .call(1, 'get', { key: 'a' }, null, sequential)
    .assertGood();
});

test('pinned reads: an answer older than the version it was pinned to → found; a stale read without a pin → good', () => {
  const start = (): Script => set(set(new Script(MAP), 0, 'a', '1', 1), 0, 'a', '2', 2, 1);
  start()
    .call(1, 'get', { key: 'a', minVersion: 2 }, { value: '1', version: 1 }, { consistency: 'stale' })
    .assertBad(['sequentialReads'], /a read went back/);
  start().call(1, 'get', { key: 'a', minVersion: 1 }, { value: '1', version: 1 }, { consistency: 'stale' }).assertGood();
  start().call(1, 'get', { key: 'a' }, { value: '1', version: 1 }, { consistency: 'stale' }).assertGood();
});

const page = (...entries: [string, string, number][]) => ({
  entries: entries.map(([key, value, version]) => ({ key, value, version })),
  hasMore: false,
});

test('scans: a page mixes two moments → found', () => {
  // At version 3 "a" changed and "b" was there already: old "a" with new "c" never was.
  const start = (): Script => set(set(set(set(new Script(MAP), 0, 'a', '1', 1), 0, 'b', '2', 2), 0, 'a', '3', 3, 1), 0, 'c', '4', 4);
  const torn = (script: Script): Script =>
    script.call(1, 'scan', {}, page(['a', '1', 1], ['b', '2', 2], ['c', '4', 4]), { consistency: 'sequential' });
  torn(start()).assertBad(['scans'], /no moment fits.*"c" of version 4.*"a" of version 1, which changed at version 3/);
  start()
    .call(1, 'scan', {}, page(['a', '3', 3], ['b', '2', 2], ['c', '4', 4]))
    .assertGood();
  start()
    .call(1, 'scan', {}, page(['a', '1', 1], ['b', '2', 2]), { consistency: 'sequential' })
    .assertGood();
  start()
    .call(1, 'scan', {}, page(['a', '1', 1], ['b', '2', 2]))
    .assertBad(['scans'], /no moment fits/);
});

test('scans: a key that must be there is missing → found; removed, or beyond the limit → good', () => {
  const start = (): Script => set(set(new Script(MAP), 0, 'a', '1', 1), 0, 'b', '2', 2);
  start()
    .call(1, 'scan', {}, page(['b', '2', 2]))
    .assertBad(['scans'], /"a", set at version 1 \(line 3\), is missing/);
  start()
    .call(1, 'scan', { from: 'b' }, page(['b', '2', 2]))
    .assertGood();
  start()
    .call(1, 'scan', { limit: 1 }, { ...page(['a', '1', 1]), hasMore: true })
    .assertGood();
  start()
    .call(0, 'remove', { key: 'a' }, true)
    .call(1, 'scan', {}, page(['b', '2', 2]))
    .assertGood();
  start()
    .invoke(0, 'remove', { key: 'a' })
    .info(0)
    .call(1, 'scan', {}, page(['b', '2', 2]))
    .assertGood();
});

test('scans: a key is missing although its removal found nothing, or failed, before it was set → found', () => {
  const nothing = new Script(MAP).call(0, 'remove', { key: 'a' }, false);
  set(nothing, 0, 'a', '1', 1)
    .call(1, 'scan', {}, page())
    .assertBad(['scans'], /is missing/);
  const failed = new Script(MAP).invoke(0, 'remove', { key: 'a' }).fail(0, 'notLeader');
  set(failed, 0, 'a', '1', 1)
    .call(1, 'scan', {}, page())
    .assertBad(['scans'], /is missing/);
  const unset = new Script(MAP).invoke(0, 'set', { key: 'a', value: '0', ttlMs: 9 }).fail(0, 'notLeader');
  set(unset, 0, 'a', '1', 1)
    .call(1, 'scan', {}, page())
    .assertBad(['scans'], /is missing/);
});

test('scans: a long history of each key → the page is judged by what is near it', () => {
  const script = new Script(MAP);
  for (let version = 1; version <= 200; version++)
    set(script, 0, version % 2 === 0 ? 'a' : 'b', `${version}`, version, version > 2 ? version - 2 : null);
  const sequential = { consistency: 'sequential' } as const;
  for (let moment = 2; moment <= 200; moment++) {
    const [a, b] = moment % 2 === 0 ? [moment, moment - 1] : [moment - 1, moment];
    script.call(1, 'scan', {}, page(['a', `${a}`, a], ['b', `${b}`, b]), sequential);
  }
  script.assertGood();
  script.call(2, 'scan', {}, page(['a', '100', 100], ['b', '103', 103]), sequential).assertBad(['scans'], /no moment fits/);
});

test('scans: out of order, twice, out of range, over the limit → found', () => {
  const start = (): Script => set(set(new Script(MAP), 0, 'a', '1', 1), 0, 'b', '2', 2);
  start()
    .call(1, 'scan', {}, page(['b', '2', 2], ['a', '1', 1]))
    .assertBad(['scans'], /not in order/);
  start()
    .call(1, 'scan', { isReverse: true }, page(['b', '2', 2], ['a', '1', 1]))
    .assertGood();
  start()
    .call(1, 'scan', { prefix: 'b' }, page(['a', '1', 1], ['b', '2', 2]))
    .assertBad(['scans'], /was not asked for/);
  start()
    .call(1, 'scan', { limit: 1 }, page(['a', '1', 1], ['b', '2', 2]))
    .assertBad(['scans'], /the limit is 1/);
});

const watch = (script: Script, args: object, version = 0): Script => script.call(9, 'watch', { watch: 'w', ...args }, { version });
const changed = (script: Script, key: string, value: string, version: number): Script =>
  script.told('c9', 'changed', { watch: 'w', version, change: 'set', key, value });

test('T66: watches: a change is missing, comes twice, or late → found', () => {
  const start = (args: object): Script => set(set(set(watch(new Script(MAP), args), 0, 'a', '1', 1), 0, 'b', '2', 2), 0, 'a', '3', 3, 1);
  changed(changed(start({ key: 'a' }), 'a', '1', 1), 'a', '3', 3).assertGood();
  changed(start({ key: 'a' }), 'a', '3', 3).assertBad(
    ['watches'],
    /went past version 1 and did not tell the change of "a", known from line 5/,
  );
  changed(changed(start({ key: 'a' }), 'a', '1', 1), 'a', '1', 1).assertBad(['watches'], /version 1 after 1: twice, or out of order/);
  changed(changed(start({ prefix: '' }), 'a', '1', 1), 'a', '3', 3).assertBad(
    ['watches'],
    /went from version 1 to 3 and did not tell the change of "b"/,
  );
  changed(changed(start({ prefix: 'a' }), 'a', '3', 3), 'a', '1', 1).assertBad(['watches'], /did not tell/);
  changed(start({ key: 'a' }), 'b', '2', 2).assertBad(['watches'], /which it does not watch/);
});

test('watches: the end was reached without the last change → found', () => {
  const start = (): Script => set(watch(new Script(MAP), { key: 'a' }), 0, 'a', '1', 1);
  changed(start(), 'a', '1', 1).told('c9', 'reached', { watch: 'w', version: 1 }).assertGood();
  start()
    .told('c9', 'reached', { watch: 'w', version: 1 })
    .assertBad(['watches'], /did not tell the change of "a"/);
});

test('watches: an answer comes after the watch went past its version → found as well', () => {
  const script = watch(new Script(MAP), { prefix: 'a' })
    .invoke(0, 'set', { key: 'a1', value: '1' })
    .invoke(1, 'set', { key: 'a2', value: '2' });
  script.told('c9', 'changed', { watch: 'w', version: 2, change: 'set', key: 'a2', value: '2' });
  script.ok(0, { version: 1, previousVersion: null }).ok(1, { version: 2, previousVersion: null });
  script.assertBad(['watches'], /went past version 1 and did not tell the change of "a1"/);
});

test('watches: a change from before it began is answered only afterwards → good', () => {
  const script = watch(new Script(MAP).invoke(0, 'set', { key: 'a', value: '1' }), { key: 'a' }, 1);
  script.told('c9', 'reached', { watch: 'w', version: 1 }).ok(0, { version: 1, previousVersion: null }).assertGood();
});

test('watches: it goes on after a lost session, with a gap, with a step back, in order; or is ended by name', () => {
  const start = (): Script => {
    const script = changed(set(watch(new Script(MAP), { key: 'a' }), 0, 'a', '1', 1), 'a', '1', 1);
    return set(set(script.session('c9', 's', 'lost'), 0, 'a', '2', 2, 1), 0, 'a', '3', 3, 2);
  };
  const resumed = (script: Script, afterVersion: number): Script =>
    script.call(9, 'watch', { watch: 'w', key: 'a', afterVersion }, { version: 3 });
  changed(changed(resumed(start(), 1), 'a', '2', 2), 'a', '3', 3).assertGood();
  changed(resumed(start(), 2), 'a', '3', 3).assertBad(['watches'], /did not tell the change of "a"/);
  resumed(start(), 0).assertBad(['watches'], /goes on after version 0, although it had told up to 1/);
  start().told('c9', 'ended', { watch: 'w', error: 'watchCompacted' }).assertGood();
});

test('watches: two watches, or a watch and an answer, differ in what a version was → found', () => {
  const script = set(watch(new Script(MAP), { key: 'a' }), 0, 'a', '1', 1);
  changed(script.invoke(1, 'set', { key: 'a', value: 'x' }), 'a', 'x', 1).assertBad(
    ['versions'],
    /version 1 is "a" = "x", but in line 5 it was "a" = "1"/,
  );
});

test('expiry: an entry ends by itself before its time → found; in its time, or while a clock was moved → good', () => {
  const start = (): Script => new Script(MAP).call(9, 'watch', { watch: 'w', prefix: '', afterVersion: 0 }, { version: 0 });
  const written = (script: Script, args: object): Script =>
    script
      .call(0, 'set', { key: 'a', value: '1', ...args }, { version: 1, previousVersion: null })
      .told('c9', 'changed', { watch: 'w', version: 1, change: 'set', key: 'a', value: '1' });
  const expired = (script: Script): Script =>
    script.told('c9', 'changed', { watch: 'w', version: 2, change: 'expired', key: 'a', value: null });
  expired(written(start(), { ttlMs: 100 }).pass(95)).assertGood();
  expired(written(start(), { ttlMs: 100 }).pass(80)).assertBad(['expiry'], /expired 8\d\.0 ms after it was called for, not 100/);
  expired(written(start(), { ttlMs: 100 }).pass(80).fault('clockJump')).assertGood();
  expired(written(start().fault('clockJump').pass(4000), { ttlMs: 100 }).pass(80)).assertBad(['expiry'], /not 100/);
  expired(written(start(), {})).assertBad(['expiry', 'exactlyOnce'], /has no time to live/);
});
