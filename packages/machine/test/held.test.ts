import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, readU64, writeU64 } from '@quorate/base';
import {
  type AnyResourceType,
  type ApplyCall,
  type CommandRequest,
  type HeldState,
  declareResource,
  encodeFields,
  encodeOpenResource,
  decodeOpenedResource,
  resourceType,
  u53,
} from '@quorate/machine';
import { Driver, machineCommand, thrownBy } from './driver.js';

const KEY = Uint8Array.of(1);

/** A sum that is held: how often it was read from the space and written there is counted. */
class HeldSum implements HeldState {
  readonly #call: ApplyCall<typeof SUM>;
  #kept: number;
  sum: number;

  constructor(call: ApplyCall<typeof SUM>) {
    this.#call = call;
    counts.read++;
    const stored = call.space.get(KEY);
    this.sum = stored === undefined ? 0 : readU64(stored, 0);
    this.#kept = this.sum;
  }

  keep(): void {
    this.#kept = this.sum;
  }
  undo(): void {
    this.sum = this.#kept;
  }
  store(): void {
    counts.written++;
    const bytes = new Uint8Array(8);
    writeU64(bytes, 0, this.sum);
    this.#call.space.set(KEY, bytes);
  }
}

const counts = { read: 0, written: 0 };
const amount = u53();
const SUM = declareResource({
  type: 'sum',
  version: 1,
  doc: 'A sum.',
  operations: {
    add: {
      kind: 'command',
      code: 1,
      doc: 'Adds; refuses beyond 100, after it was added.',
      args: { amount },
      result: u53(),
      errors: ['counterOverflow'],
    },
    later: { kind: 'command', code: 2, doc: 'Adds by a timer.', args: { amount }, result: u53(), errors: [] },
    get: { kind: 'query', code: 3, doc: 'The sum.', args: {}, result: u53(), errors: [] },
  },
  events: {},
});
const heldOf = (call: ApplyCall<typeof SUM>): HeldSum => call.held as HeldSum;
const SUM_TYPE = resourceType(SUM, {
  hold: (call) => new HeldSum(call),
  commands: {
    add: (call, args) => {
      const held = heldOf(call);
      held.sum += args.amount;
      if (held.sum > 100) throw new QuorateError('counterOverflow', 'beyond 100');
      return held.sum;
    },
    later: (call, args) => {
      call.setTimer(Uint8Array.of(args.amount), call.timeMs + 10);
      return heldOf(call).sum;
    },
  },
  queries: {
    get: (call) => {
      const stored = call.space.get(KEY);
      return stored === undefined ? 0 : readU64(stored, 0);
    },
  },
  timer: (call, id) => {
    heldOf(call).sum += id[0] as number;
  },
});

function opened(type: AnyResourceType = SUM_TYPE, name = 'sum'): { driver: Driver; session: number; resource: number } {
  const driver = new Driver({ resources: [type] });
  const session = driver.open();
  const [reply] = driver.run(session, machineCommand(1, encodeOpenResource('sum', 1, name)));
  assert.ok(reply?.isOk);
  counts.read = 0;
  counts.written = 0;
  return { driver, session, resource: decodeOpenedResource(reply.result) };
}

function add(resource: number, by: number, name: 'add' | 'later' = 'add'): CommandRequest {
  return { resource, operation: SUM.operations[name].code, args: encodeFields(SUM.operations[name].args, { amount: by }, name) };
}

function sumOf({ machine }: Driver, resource: number): number {
  return readU64(machine.query({ session: 0, resource, operation: SUM.operations.get.code, args: new Uint8Array(0) }), 0);
}

test('held state: many commands of a batch → read and written once; the next batch reads it anew', () => {
  const { driver, session, resource } = opened();
  driver.run(session, add(resource, 1), add(resource, 2), add(resource, 3));
  assert.deepEqual(counts, { read: 1, written: 1 });
  assert.equal(sumOf(driver, resource), 6);
  driver.run(session, add(resource, 4));
  assert.deepEqual(counts, { read: 2, written: 2 });
  assert.equal(sumOf(driver, resource), 10);
});

test('T15: a command that changed what is held is refused, first, between and last in its batch → only that is undone', () => {
  const { driver, session, resource } = opened();
  const replies = driver.run(session, ...[101, 40, 61, 60, 1].map((by) => add(resource, by)));
  assert.deepEqual(
    replies.map((reply) => (reply.isOk ? readU64(reply.result, 0) : reply.code)),
    ['counterOverflow', 40, 'counterOverflow', 100, 'counterOverflow'],
  );
  assert.equal(sumOf(driver, resource), 100);
});

test('held state: timers of a batch before its commands → both change the same', () => {
  const { driver, session, resource } = opened();
  driver.run(session, add(resource, 5, 'later'), add(resource, 7, 'later'), add(resource, 1));
  driver.commands(session, 5, [add(resource, 20)], { timeMs: driver.machine.timeMs + 10 });
  assert.equal(sumOf(driver, resource), 33);
  assert.deepEqual(counts, { read: 2, written: 2 });
});

test('T40: a snapshot between batches holds what was held, and the hash says so', () => {
  const { driver, session, resource } = opened();
  driver.run(session, add(resource, 5));
  const { hash } = driver.machine;
  driver.reload();
  assert.equal(driver.machine.hash, hash);
  driver.run(session, add(resource, 6));
  assert.equal(sumOf(driver, resource), 11);
});

test('rule 16: a handler asks for what its machine does not hold → apply throws', () => {
  const { driver, session, resource } = opened({ ...SUM_TYPE, machine: { ...SUM_TYPE.machine, hold: () => undefined as never } });
  assert.equal(thrownBy(() => driver.run(session, add(resource, 1))).code, 'invariantBroken');
});
