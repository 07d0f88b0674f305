import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILTIN_TYPES, Quorate, QuorateError, declareResource, fields, resourceType } from 'quorate';
import { freePortRange } from '../../server/dist-test/harness/free-ports.js';
import { temporaryDirectory } from '../../server/dist-test/harness/temporary-directory.js';
import { coded } from './harness/coded.js';
import { CALL_MS, SMALL_FILES } from './harness/homes.js';
import { fired } from './harness/waiting.js';

const VALUE = fields.i53();
const KEY = new Uint8Array(0);

/** The highest number that anybody offered. */
const RECORD = declareResource({
  type: 'record',
  version: 1,
  doc: 'The highest number that anybody offered.',
  operations: {
    offer: {
      kind: 'command',
      code: 1,
      doc: 'Offers a number.',
      args: { value: VALUE },
      result: fields.flag(),
      errors: ['versionMismatch'],
    },
    best: { kind: 'query', code: 2, doc: 'The highest so far.', args: {}, result: fields.text({ max: 32 }), errors: [] },
  },
  events: { beaten: { code: 1, doc: 'Your offer was taken.', fields: { value: VALUE } } },
});

const text = (bytes: Uint8Array | undefined): string => (bytes === undefined ? '' : new TextDecoder().decode(bytes));

const RECORD_TYPE = resourceType(RECORD, {
  commands: {
    offer: (call, { value }) => {
      const best = text(call.space.get(KEY));
      if (best !== '' && value === Number(best)) throw new QuorateError('versionMismatch', 'offered before');
      if (best !== '' && value < Number(best)) return false;
      call.space.set(KEY, new TextEncoder().encode(String(value)));
      call.publish(call.session, 'beaten', { value });
      return true;
    },
  },
  queries: { best: (call) => text(call.space.get(KEY)) },
});

test('own resource: declared, given to the nodes, used by name → commands, refusals, queries and events; unknown to a client of another kind', async () => {
  const address = `127.0.0.1:${await freePortRange(1)}`;
  const resources = [...BUILTIN_TYPES, RECORD_TYPE];
  await using quorate = await Quorate.start({ data: temporaryDirectory(), address, resources, settings: SMALL_FILES, deadlineMs: CALL_MS });
  const record = quorate.resource(RECORD, 'r');
  const beaten = new AbortController();
  const told: number[] = [];
  const stop = record.listen({
    events: {
      beaten: ({ value }) => {
        told.push(value);
        if (told.length === 2) beaten.abort();
      },
    },
  });
  assert.equal(await record.call('best', {}), '');
  assert.equal(await record.call('offer', { value: 3 }), true);
  assert.equal(await record.call('offer', { value: 2 }), false);
  await assert.rejects(record.call('offer', { value: 3 }), coded('versionMismatch', 'never', /offered before/));
  await assert.rejects(record.call('offer', { value: 0.5 }), coded('invalidArgument', 'never', /whole number/));
  assert.equal(await record.call('offer', { value: 9 }), true);
  assert.equal(await record.call('best', {}), '9');
  await fired(beaten.signal);
  assert.deepEqual(told, [3, 9]);
  stop();
  await using other = await Quorate.connect(address, { deadlineMs: CALL_MS });
  await assert.rejects(other.counter('r').get(), coded('kindMismatch', 'never', /record/));
});

test('own resource: a node that has no such kind → resourceUnsupported, and it goes on', async () => {
  const address = `127.0.0.1:${await freePortRange(1)}`;
  await using quorate = await Quorate.start({ data: temporaryDirectory(), address, settings: SMALL_FILES, deadlineMs: CALL_MS });
  await assert.rejects(quorate.resource(RECORD, 'r').call('best', {}), coded('resourceUnsupported', 'never', /record/));
  assert.equal(await quorate.counter('c').add(1), 1);
});
