import { QuorateError, readU64, writeU64 } from '@quorate/base';
import {
  type AnyResourceType,
  type ApplyCall,
  type ResourceMachine,
  bytes,
  declareResource,
  i53,
  list,
  nothing,
  resourceType,
  token,
  u32,
} from '@quorate/machine';

/** A number with watchers, a holder and timers: what sessions are for, as small as can be. */
export const TALLY = declareResource({
  type: 'tally',
  version: 1,
  doc: 'A number with watchers.',
  operations: {
    add: { kind: 'command', code: 1, doc: 'Adds and gives the sum.', args: { amount: i53() }, result: i53(), errors: [] },
    watch: { kind: 'command', code: 2, doc: 'Tells this session of changes.', args: {}, result: nothing(), errors: [] },
    take: { kind: 'command', code: 3, doc: 'Holds it until the session ends.', args: {}, result: token(), errors: ['notHeld'] },
    delay: { kind: 'command', code: 4, doc: 'Adds one later.', args: { afterMs: u32() }, result: nothing(), errors: [] },
    echo: { kind: 'command', code: 5, doc: 'Gives so many bytes.', args: { count: u32() }, result: bytes({ max: 1_100_000 }), errors: [] },
    flood: { kind: 'command', code: 6, doc: 'Events to the watchers.', args: { count: u32(), size: u32() }, result: nothing(), errors: [] },
    put: {
      kind: 'command',
      code: 7,
      doc: 'Keeps bytes.',
      args: { slot: u32(), value: bytes({ max: 100_000 }) },
      result: nothing(),
      errors: [],
    },
    get: { kind: 'query', code: 9, doc: 'The number.', args: {}, result: i53(), errors: [] },
    holder: {
      kind: 'query',
      code: 10,
      doc: 'The session that holds it, then the watchers.',
      args: {},
      result: list(i53(), { max: 1000 }),
      errors: [],
    },
  },
  events: {
    changed: { code: 1, doc: 'The number changed.', fields: { value: i53() } },
    filler: { code: 2, doc: 'Bytes.', fields: { bytes: bytes({ max: 1_100_000 }) } },
  },
});

type Call = ApplyCall<typeof TALLY>;

const VALUE = Uint8Array.of(1);
const HOLDER = Uint8Array.of(2);
const TIMERS = Uint8Array.of(3);
const WATCHER = 4;
const SLOT = 5;

function number(value: number): Uint8Array {
  const encoded = new Uint8Array(8);
  writeU64(encoded, 0, value);
  return encoded;
}

function read(call: Pick<Call, 'space'> | { space: Pick<Call['space'], 'get'> }, key: Uint8Array): number {
  const value = call.space.get(key);
  return value === undefined ? 0 : readU64(value, 0);
}

function watchers(call: { space: Pick<Call['space'], 'scan'> }): number[] {
  const all: number[] = [];
  call.space.scan({ from: Uint8Array.of(WATCHER), to: Uint8Array.of(WATCHER + 1) }, (key) => all.push(readU64(key, 1)) > 0);
  return all;
}

function watcherKey(session: number): Uint8Array {
  return Uint8Array.of(WATCHER, ...number(session));
}

function add(call: Call, amount: number): number {
  const value = read(call, VALUE) + amount;
  call.space.set(VALUE, number(value));
  for (const session of watchers(call)) call.publish(session, 'changed', { value });
  return value;
}

/** What the machine of a tally does, to be changed by tests that want it wrong. */
export const TALLY_MACHINE: ResourceMachine<typeof TALLY> = {
  commands: {
    add: (call, { amount }) => add(call, amount),
    watch: (call) => {
      call.own(call.session);
      call.space.set(watcherKey(call.session), new Uint8Array(0));
    },
    take: (call) => {
      const holder = read(call, HOLDER);
      if (holder !== 0 && holder !== call.session) throw new QuorateError('notHeld', 'held', { holder });
      call.space.set(HOLDER, number(call.session));
      call.own(call.session);
      return call.token;
    },
    delay: (call, { afterMs }) => {
      const id = read(call, TIMERS) + 1;
      call.space.set(TIMERS, number(id));
      call.setTimer(number(id), call.timeMs + afterMs);
    },
    put: (call, { slot, value }) => {
      call.space.set(Uint8Array.of(SLOT, ...number(slot)), value);
    },
    echo: (_, { count }) => new Uint8Array(count),
    flood: (call, { count, size }) => {
      for (const session of watchers(call)) {
        for (let i = 0; i < count; i++) call.publish(session, 'filler', { bytes: new Uint8Array(size) });
      }
    },
  },
  queries: {
    get: (call) => read(call, VALUE),
    holder: (call) => [read(call, HOLDER), ...watchers(call)],
  },
  timer: (call) => {
    add(call, 1);
  },
  sessionEnded: (call, session) => {
    call.space.delete(watcherKey(session));
    if (read(call, HOLDER) === session) call.space.delete(HOLDER);
  },
};

/** The tally as a node is given it. */
export const TALLY_TYPE: AnyResourceType = resourceType(TALLY, TALLY_MACHINE);
