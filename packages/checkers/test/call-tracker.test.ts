import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { HISTORY_LIMITS, type HistoryFields, type HistoryValue } from '@quorate/checkers';
import { Script } from './script.js';

const refused = (script: Script, message: RegExp, field: string): void => {
  assert.throws(
    () => script.verdict(),
    (error) =>
      error instanceof QuorateError && error.code === 'invalidArgument' && message.test(error.message) && error.details['field'] === field,
  );
};
const map = (): Script => new Script({ name: 'm', kind: 'map' });

test('history: an answer without a call, a second call of a busy process, a second answer → refused', () => {
  refused(map().ok(0, null), /process 0 has no open call/, 'process');
  refused(map().invoke(0, 'get', { key: 'a' }).invoke(0, 'get', { key: 'a' }), /process 0 is busy: its get of line 2 is open/, 'process');
  refused(map().call(0, 'get', { key: 'a' }, null).info(0), /process 0 has no open call/, 'process');
});

test('history: time that falls → refused; time that stands → good', () => {
  const script = map().invoke(0, 'get', { key: 'a' }).ok(0, null);
  script.events[1] = { type: 'ok', timeMs: -1, process: 0, result: null };
  refused(script, /time goes back from 0 to -1 ms/, 'timeMs');
  script.events[1] = { type: 'ok', timeMs: 0, process: 0, result: null };
  script.assertGood();
});

test('history: an object that was not declared, an operation or event its kind does not have → refused', () => {
  refused(map().invoke(0, 'get', { key: 'a' }, { object: 'x' }), /object "x" is not declared/, 'object');
  refused(map().invoke(0, 'append', {}), /a map has no operation "append"/, 'op');
  refused(map().invoke(0, 'constructor', {}), /a map has no operation "constructor"/, 'op');
  refused(map().told('c', 'lost', {}), /nothing called "lost" is told of a map/, 'event');
});

test('history: arguments, results and told fields of a wrong shape → refused with the field', () => {
  refused(map().invoke(0, 'get', {}), /map get lacks args.key/, 'args.key');
  refused(map().invoke(0, 'get', { key: 1 }), /args.key of map get must be: text/, 'args.key');
  refused(map().invoke(0, 'get', { key: 'a', colour: 1 }), /map get has no args.colour/, 'args.colour');
  refused(map().call(0, 'get', { key: 'a' }, 'b'), /the result of map get must be: entry/, 'result');
  refused(map().call(0, 'set', { key: 'a', value: 'b' }, { version: 1 }), /map set lacks result.previousVersion/, 'result.previousVersion');
  refused(map().told('c', 'reached', { watch: 'w' }), /map reached lacks fields.version/, 'fields.version');
  const lock = (result: HistoryValue): Script => new Script({ name: 'l', kind: 'lock' }).call(0, 'acquire', {}, result);
  refused(lock({ token: [1] }), /result.token of lock acquire must be: token/, 'result.token');
  const fenced = (fence: HistoryFields): Script => new Script({ name: 'n', kind: 'counter' }).invoke(0, 'add', { delta: 1, fence });
  refused(fenced({ lock: 'l' }), /args.fence of counter add must be: fence/, 'args.fence');
});

test('history: more open calls than the limit → refused', () => {
  const script = map();
  for (let process = 0; process <= HISTORY_LIMITS.openCallsMax; process++) script.invoke(process, 'size');
  refused(script, /more than 100000 calls are open/, 'process');
});

test('history: calls that are open at the end → may or may not have happened', () => {
  const script = map().invoke(0, 'set', { key: 'a', value: '1' }).call(1, 'get', { key: 'a' }, { value: '1', version: 1 });
  script.assertGood();
  script.call(1, 'get', { key: 'a' }, null).assertBad(['linearizability'], /explains this answer/);
});
