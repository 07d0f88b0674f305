import { test } from 'node:test';
import { Script } from './script.js';

const STREAM = { name: 's', kind: 'stream', isReadBack: false } as const;
const LOCK = { name: 'l', kind: 'lock' } as const;
const append = (script: Script, process: number, values: string[], offset: number): Script =>
  script.call(process, 'append', { values }, { offset });
const read = (script: Script, process: number, from: number, values: string[], nextOffset = from + values.length): Script =>
  script.call(process, 'read', { from }, { values, from, nextOffset });

test('streams: appended and read back by two readers → good', () => {
  const script = append(append(new Script({ ...STREAM, isReadBack: true }), 0, ['a', 'b'], 0), 1, ['c'], 2);
  read(read(read(script, 2, 0, ['a', 'b', 'c']), 3, 1, ['b', 'c']), 3, 3, []).assertGood();
});

test('streams: an acknowledged record is nowhere → loss', () => {
  const start = (): Script => append(append(new Script({ ...STREAM, isReadBack: true }), 0, ['a'], 0), 0, ['b'], 1);
  read(start(), 1, 0, ['a'], 2).assertBad(['loss'], /acknowledged record at offset 1 was never read/);
});

test('streams: a read is out of range → good beyond the end, and at the start if retention may take records; else lost', () => {
  const start = (object: object): Script =>
    append(append(new Script({ ...STREAM, isReadBack: true, ...object }), 0, ['a'], 0), 0, ['b'], 1);
  const refused = (script: Script, from: number): Script => script.invoke(1, 'read', { from }).fail(1, 'offsetOutOfRange');
  read(refused(start({}), 5), 1, 0, ['a', 'b']).assertGood();
  read(refused(start({ isTrimmed: true }), 0), 1, 1, ['b']).assertGood();
  read(refused(start({}), 0), 1, 0, ['a', 'b']).assertBad(['freshReads'], /known to reach 2 before it began/);
  read(refused(start({ isTrimmed: true }), 5), 1, 1, ['b']).assertBad(['loss'], /at offset 0 was never read/);
});

test('streams: a record stands twice, elsewhere than acknowledged, or was never appended → records', () => {
  const start = (): Script => append(append(new Script(STREAM), 0, ['a'], 0), 0, ['b'], 1);
  read(start(), 1, 0, ['a', 'b', 'a']).assertBad(['records'], /second time/);
  read(new Script(STREAM).invoke(0, 'append', { values: ['a'] }).info(0), 1, 0, ['a', 'a']).assertBad(
    ['records'],
    /stands twice, at 0 and 1/,
  );
  read(start(), 1, 0, ['b', 'a']).assertBad(['records'], /acknowledged at 1 and stands at 0/);
  read(start(), 1, 0, ['a', 'b', 'x']).assertBad(['records'], /was never appended/);
  read(new Script(STREAM).invoke(0, 'append', { values: ['a'] }), 1, 3, ['a'])
    .ok(0, { offset: 0 })
    .assertBad(['records'], /read at 3/);
});

test('T63: streams: what failed for certain is there; what is unknown may be, once → records, good', () => {
  const failed = new Script(STREAM).invoke(0, 'append', { values: ['a'] }).fail(0, 'notLeader');
  read(failed, 1, 0, ['a']).assertBad(['records'], /certainly failed and stands at offset 0/);
  read(new Script(STREAM).invoke(0, 'append', { values: ['a'] }), 1, 0, ['a'])
    .fail(0, 'notLeader')
    .assertBad(['records'], /certainly failed and was read/);
  read(new Script(STREAM).invoke(0, 'append', { values: ['a'] }).info(0), 1, 0, ['a']).assertGood();
});

test('streams: two appends at one offset; an append before the end that was known → records, appendOrder', () => {
  const script = new Script(STREAM).invoke(0, 'append', { values: ['a'] }).invoke(1, 'append', { values: ['b'] });
  script
    .ok(0, { offset: 0 })
    .ok(1, { offset: 0 })
    .assertBad(['records'], /two appends were acknowledged at offset 0/);
  append(append(new Script(STREAM), 0, ['a'], 5), 1, ['b'], 4).assertBad(['appendOrder'], /offsets up to 6 were known/);
});

test('streams: pipelined appends of one client stand in the other order → sessionOrder', () => {
  const script = new Script(STREAM)
    .invoke(0, 'append', { values: ['a'] }, { client: 'c' })
    .invoke(1, 'append', { values: ['b'] }, { client: 'c' });
  script
    .ok(0, { offset: 1 })
    .ok(1, { offset: 0 })
    .assertBad(['sessionOrder'], /in the wrong order/);
});

test('T67: streams: readers differ, a read begins elsewhere than asked, records beyond the end → readers', () => {
  const start = (): Script => append(new Script({ ...STREAM, hasUniqueValues: false }), 0, ['a', 'b'], 0);
  read(read(start(), 1, 0, ['a', 'b']), 2, 0, ['a', 'x']).assertBad(['readers'], /where something else was read before/);
  start()
    .call(1, 'read', { from: 0 }, { values: ['b'], from: 1, nextOffset: 2 })
    .assertBad(['readers'], /a gap nobody told of/);
  start()
    .call(1, 'read', { from: 0 }, { values: ['a', 'b'], from: 0, nextOffset: 1 })
    .assertBad(['readers', 'freshReads'], /beyond the end 1/);
});

test('T55: streams: a linearizable read does not see what was acknowledged; a sequential one need not → freshReads, good', () => {
  const start = (): Script => append(new Script(STREAM), 0, ['a'], 0);
  read(start(), 1, 0, []).assertBad(['freshReads'], /known to reach 1 before it began/);
  read(start(), 1, 0, [], 1).assertBad(['freshReads'], /nothing from 0/);
  start().call(1, 'read', { from: 0 }, { values: [], from: 0, nextOffset: 0 }, { consistency: 'sequential' }).assertGood();
});

const acquire = (script: Script, process: number, token: number): Script => script.call(process, 'acquire', {}, { token });

test('locks: handed over by release → good; granted while held → linearizability finds no order', () => {
  acquire(acquire(new Script(LOCK), 0, 5).call(0, 'release', { token: 5 }, null), 1, 9).assertGood();
  acquire(acquire(new Script(LOCK), 0, 5), 1, 9)
    .call(0, 'release', { token: 5 }, null)
    .assertBad(['holders', 'linearizability'], /two held it at once/);
});

test('T57: locks: granted to another while the first believes to hold it → good only if its session is lost', () => {
  acquire(acquire(new Script(LOCK), 0, 5), 1, 9).assertBad(['holders'], /two held it at once, and the first never lost its session/);
  acquire(acquire(new Script(LOCK), 0, 5), 1, 9)
    .session('c0', 's', 'lost')
    .assertGood();
  acquire(acquire(new Script(LOCK), 0, 5), 1, 9)
    .told('c0', 'lost', { token: 5 })
    .assertGood();
  acquire(acquire(new Script(LOCK), 0, 5), 1, 9)
    .session('c1', 's', 'lost')
    .assertBad(['holders'], /two held it at once/);
});

test('locks: a release is refused → good only if the session was lost, before or after; or if an unknown release came first', () => {
  const refused = (script: Script): Script => script.invoke(0, 'release', { token: 5 }).fail(0, 'notHeld');
  const held = (): Script => acquire(new Script(LOCK), 0, 5);
  refused(held()).assertBad(['holders'], /not released and its session never lost/);
  refused(acquire(held(), 1, 9)).assertBad(['holders'], /not released and its session never lost/);
  refused(acquire(held(), 1, 9))
    .session('c0', 's', 'lost')
    .assertGood();
  refused(held().session('c0', 's', 'lost')).assertGood();
  refused(held().invoke(2, 'release', { token: 5 }).info(2)).assertGood();
  // Once it was refused, nobody holds it by this token any more.
  refused(held())
    .session('c0', 's', 'lost')
    .call(1, 'holder', {}, { token: 5 })
    .assertBad(['linearizability'], /explains this answer/);
  // Refused for another reason, it is still held.
  acquire(held().invoke(0, 'release', { token: 5 }).fail(0, 'unavailable'), 1, 9).assertBad(['holders'], /two held it at once/);
});

test('locks: a token that does not grow, a refusal while it is free, a holder that is another → linearizability', () => {
  const free = (): Script => acquire(new Script(LOCK), 0, 5).call(0, 'release', { token: 5 }, null);
  acquire(free(), 1, 5).assertBad(['linearizability'], /free, the last token was 0\.5/);
  free()
    .call(1, 'tryAcquire', {}, null)
    .assertBad(['linearizability'], /explains this answer/);
  free()
    .call(1, 'holder', {}, { token: 5 })
    .assertBad(['linearizability'], /explains this answer/);
  acquire(new Script(LOCK), 0, 5).call(1, 'tryAcquire', {}, null).assertGood();
});

test('locks: an unknown claim explains that it is held, and then goes by itself → good', () => {
  const script = new Script(LOCK).invoke(0, 'acquire').info(0).call(1, 'tryAcquire', {}, null).call(1, 'holder', {}, { token: 3 });
  acquire(script, 1, 7).assertGood();
});

test('locks: tokens of two parts are ordered by epoch, then by index', () => {
  const start = (): Script => new Script(LOCK).call(0, 'acquire', {}, { token: [1, 9] }).call(0, 'release', { token: [1, 9] }, null);
  start()
    .call(1, 'acquire', {}, { token: [2, 1] })
    .assertGood();
  start()
    .call(1, 'acquire', {}, { token: [1, 8] })
    .assertBad(['linearizability'], /the last token was 1\.9/);
});

test('elections: an observer sees terms go back → observers', () => {
  const script = (): Script =>
    new Script({ name: 'e', kind: 'election' }).call(0, 'campaign', {}, { token: 5 }).call(0, 'resign', { token: 5 }, null);
  const both = (): Script => script().call(1, 'campaign', {}, { token: 9 });
  both()
    .told('c7', 'leaderChanged', { leader: { token: 5 } })
    .told('c7', 'leaderChanged', { leader: null })
    .told('c7', 'leaderChanged', { leader: { token: 9 } })
    .assertGood();
  both()
    .told('c7', 'leaderChanged', { leader: { token: 9 } })
    .told('c7', 'leaderChanged', { leader: { token: 5 } })
    .assertBad(['observers'], /saw token 0\.5 after 0\.9/);
  both()
    .told('c7', 'leaderChanged', { leader: { token: 5 } })
    .told('c7', 'leaderChanged', { leader: { token: 9 } })
    .told('c7', 'leaderChanged', { leader: { token: 5 } })
    .assertBad(['observers'], /saw token 0\.5 after 0\.9/);
});

test('T65: fences: a write with an older token after one with a newer → fences', () => {
  const fenced = (script: Script, process: number, token: number, version: number): Script =>
    script.call(
      process,
      'set',
      { key: `k${version}`, value: `v${version}`, fence: { lock: 'l', token } },
      { version, previousVersion: null },
    );
  const start = (): Script => new Script({ name: 'm', kind: 'map' }, LOCK);
  fenced(fenced(fenced(start(), 0, 5, 1), 1, 9, 2), 1, 9, 3).assertGood();
  fenced(fenced(start(), 1, 9, 1), 0, 5, 2).assertBad(['fences'], /older token took effect after a newer token/);
  // Concurrent by real time, but the versions tell.
  const concurrent = start()
    .invoke(0, 'set', { key: 'a', value: '1', fence: { lock: 'l', token: 5 } })
    .invoke(1, 'set', { key: 'b', value: '2', fence: { lock: 'l', token: 9 } });
  concurrent
    .ok(1, { version: 1, previousVersion: null })
    .ok(0, { version: 2, previousVersion: null })
    .assertBad(['fences'], /older token/);
  fenced(
    start()
      .invoke(0, 'set', { key: 'a', value: '1', fence: { lock: 'l', token: 5 } })
      .fail(0, 'fenced'),
    1,
    9,
    1,
  ).assertGood();
});

test('T65: fences: appends of an older token behind those of a newer → fences', () => {
  const fenced = (token: number): object => ({ fence: { lock: 'l', token } });
  const script = new Script(STREAM, LOCK)
    .invoke(0, 'append', { values: ['a'], ...fenced(5) })
    .invoke(1, 'append', { values: ['b'], ...fenced(9) });
  script
    .ok(1, { offset: 0 })
    .ok(0, { offset: 1 })
    .assertBad(['fences'], /older token took effect/);
});

test('fences: a write of the former holder after the next knew of its grant → found if lock and object share a group', () => {
  const body = (script: Script): Script => {
    const lock = { object: 'l' };
    script.call(0, 'acquire', {}, { token: 5 }, lock).session('c0', 's', 'lost').call(1, 'acquire', {}, { token: 9 }, lock);
    return script.call(0, 'add', { delta: 1, fence: { lock: 'l', token: 5 } }, 1);
  };
  body(new Script({ name: 'n', kind: 'counter', group: 1 }, { ...LOCK, group: 1 })).assertBad(['fences'], /older token took effect/);
  body(new Script({ name: 'n', kind: 'counter', group: 2 }, { ...LOCK, group: 1 })).assertGood();
});

test('T62: counters: an addition is applied twice, or lost → linearizability', () => {
  const start = (): Script => new Script({ name: 'n', kind: 'counter' }).call(0, 'add', { delta: 1 }, 1);
  start()
    .call(1, 'add', { delta: 1 }, 3)
    .assertBad(['linearizability'], /explains this answer/);
  start()
    .call(1, 'add', { delta: 1 }, 1)
    .assertBad(['linearizability'], /explains this answer/);
  start().invoke(2, 'add', { delta: 1 }).info(2).call(1, 'add', { delta: 1 }, 3).assertGood();
  start()
    .invoke(2, 'add', { delta: 1 })
    .info(2)
    .call(1, 'add', { delta: 1 }, 4)
    .assertBad(['linearizability'], /calls of which nobody knows/);
});

test('T56: counters: a sequential read goes back behind what its client saw → sequentialReads', () => {
  const start = (): Script => new Script({ name: 'n', kind: 'counter' }).call(0, 'add', { delta: 1 }, 1).call(0, 'add', { delta: 1 }, 2);
  const sequential = { consistency: 'sequential' } as const;
  start()
    .call(0, 'get', {}, 1, sequential)
    .assertBad(['sequentialReads'], /the client had seen 2/);
  start().call(1, 'get', {}, 1, sequential).call(1, 'get', {}, 2, sequential).assertGood();
  start()
    .call(1, 'get', {}, 2, sequential)
    .call(1, 'get', {}, 1, sequential)
    .assertBad(['sequentialReads'], /the client had seen 2/);
  start().call(0, 'add', { delta: -1 }, 1).call(0, 'get', {}, 1, sequential).assertGood();
});

test('T64: queues: an item is delivered twice, out of order, or lost → linearizability', () => {
  const start = (): Script =>
    new Script({ name: 'q', kind: 'queue' }).call(0, 'enqueue', { value: 'a' }, null).call(0, 'enqueue', { value: 'b' }, null);
  start().call(1, 'dequeue', {}, 'a').call(1, 'dequeue', {}, 'b').call(1, 'dequeue', {}, null).assertGood();
  start()
    .call(1, 'dequeue', {}, 'a')
    .call(2, 'dequeue', {}, 'a')
    .assertBad(['linearizability'], /1 waiting/);
  start()
    .call(1, 'dequeue', {}, 'b')
    .assertBad(['linearizability'], /2 waiting/);
  start()
    .call(1, 'dequeue', {}, 'a')
    .call(1, 'dequeue', {}, null)
    .assertBad(['linearizability'], /explains this answer/);
});

test('sessions: numbers that fall, one number for two commands, two answers to one number → sessions', () => {
  const start = (): Script => new Script({ name: 'n', kind: 'counter' }).call(0, 'add', { delta: 1 }, 1, { session: 's', number: 1 });
  start().call(0, 'add', { delta: 1 }, 2, { session: 's', number: 2 }).assertGood();
  start()
    .call(0, 'get', {}, 1, { session: 's', number: 0 })
    .assertBad(['sessions'], /number 0 of session s comes after 1/);
  start()
    .call(0, 'get', {}, 1, { session: 's', number: 1 })
    .assertBad(['sessions'], /is two commands/);
  start()
    .call(0, 'add', { delta: 1 }, 2, { session: 's', number: 1 })
    .assertBad(['sessions'], /got two answers/);
  start()
    .call(1, 'add', { delta: 1 }, 2, { session: 's', number: 2 })
    .assertBad(['sessions'], /belongs to c0/);
});

test('T61: sessions: a command in a session whose end its client knew, a session that is opened twice → sessions', () => {
  const start = (): Script => new Script({ name: 'n', kind: 'counter' }).session('c0', 's', 'opened');
  start()
    .session('c0', 's', 'lost')
    .call(0, 'add', { delta: 1 }, 1, { session: 's', number: 1 })
    .assertBad(['sessions'], /session s is over/);
  start()
    .session('c1', 's', 'opened')
    .assertBad(['sessions'], /was opened before/);
});

test('the checker gives up: too many orders → undecided, which is not good', () => {
  const script = new Script({ name: 'r', kind: 'register' });
  for (let process = 0; process < 18; process++) script.invoke(process, 'write', { value: `v${process}` });
  for (let process = 0; process < 18; process++) script.ok(process);
  script.assertBad(['linearizability'], /too many orders of the calls/);
});
