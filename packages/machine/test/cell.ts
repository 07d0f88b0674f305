import { QuorateError, readU64, writeU64 } from '@quorate/base';
import {
  type AnyResourceType,
  type ApplyCall,
  type ResourceMachine,
  bytes,
  choice,
  declareResource,
  fence,
  flag,
  i53,
  list,
  nothing,
  optional,
  resourceType,
  token,
  u16,
  u32,
} from '@quorate/machine';

/** A small resource that uses all that a machine offers: values, a holder, watchers, timers, events, fences, and ways to fail. */
export const CELL = declareResource({
  type: 'cell',
  version: 1,
  doc: 'A number with a holder, watchers and timers.',
  operations: {
    add: {
      kind: 'command',
      code: 1,
      doc: 'Adds and gives the sum.',
      args: { amount: i53({ min: -1_000_000, max: 1_000_000 }), fence: optional(fence()) },
      result: i53(),
      errors: ['counterOverflow', 'fenced'],
    },
    take: { kind: 'command', code: 2, doc: 'Holds the cell.', args: {}, result: token(), errors: ['unavailable'] },
    release: { kind: 'command', code: 3, doc: 'Lets go.', args: {}, result: nothing(), errors: ['notHeld'] },
    watch: { kind: 'command', code: 4, doc: 'Tells this session of changes.', args: { isOn: flag() }, result: flag(), errors: [] },
    delay: {
      kind: 'command',
      code: 5,
      doc: 'Sets a timer.',
      args: { id: u16(), afterMs: u32(), repeats: u16() },
      result: nothing(),
      errors: [],
    },
    cancel: { kind: 'command', code: 6, doc: 'Clears a timer.', args: { id: u16() }, result: nothing(), errors: [] },
    fail: {
      kind: 'command',
      code: 7,
      doc: 'Changes everything and then fails.',
      args: {
        how: choice(['refuse', 'invariant', 'bug', 'promise', 'result', 'event', 'largeResult', 'swallow']),
        fence: optional(fence()),
      },
      result: bytes({ max: 2_000_000 }),
      errors: ['versionMismatch'],
    },
    emit: {
      kind: 'command',
      code: 8,
      doc: 'Sends events to the watchers.',
      args: { count: u32(), size: u32() },
      result: nothing(),
      errors: [],
    },
    get: { kind: 'query', code: 9, doc: 'The number.', args: {}, result: i53(), errors: [] },
    about: { kind: 'query', code: 10, doc: 'Index, time and watchers.', args: {}, result: list(i53(), { max: 1000 }), errors: [] },
    write: { kind: 'query', code: 11, doc: 'Tries to change something.', args: {}, result: nothing(), errors: [] },
  },
  events: {
    changed: { code: 1, doc: 'The number changed.', fields: { value: i53() } },
    fired: { code: 2, doc: 'A timer fired.', fields: { id: u16(), timeMs: i53(), index: i53() } },
    freed: { code: 3, doc: 'The holder has gone.', fields: { session: i53() } },
    filler: { code: 4, doc: 'Bytes.', fields: { bytes: bytes({ max: 2_000_000 }) } },
  },
});

type Call = ApplyCall<typeof CELL>;

const VALUE = Uint8Array.of(1);
const HOLDER = Uint8Array.of(2);
const HELD_INDEX = Uint8Array.of(3);
const WATCHER = 4;

function readNumber(space: { get(key: Uint8Array): Uint8Array | undefined }, key: Uint8Array): number {
  const value = space.get(key);
  return value === undefined ? 0 : readU64(value, 0) - 2 ** 40;
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, value + 2 ** 40);
  return bytes;
}

function watcherKey(session: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = WATCHER;
  for (let i = 0; i < 8; i++) key[1 + i] = Math.floor(session / 256 ** (7 - i));
  return key;
}

function watchers(call: { space: Call['space'] | { scan: Call['space']['scan'] } }): number[] {
  const all: number[] = [];
  call.space.scan({ from: Uint8Array.of(WATCHER), to: Uint8Array.of(WATCHER + 1) }, (key) => {
    all.push(key.subarray(1).reduce((sum, digit) => sum * 256 + digit, 0));
    return true;
  });
  return all;
}

function timerId(id: number): Uint8Array {
  return Uint8Array.of(id >>> 8, id);
}

function free(call: Call): void {
  call.space.delete(HOLDER);
  call.space.delete(HELD_INDEX);
}

function arm(call: Call, id: number, afterMs: number, repeats: number): void {
  call.setTimer(timerId(id), call.timeMs + afterMs);
  call.space.set(Uint8Array.of(5, id >>> 8, id), Uint8Array.of(...number(afterMs), repeats >>> 8, repeats));
}

function failing(call: Call, { how, fence }: { how: string; fence: Parameters<Call['checkFence']>[0] | null }): Uint8Array {
  if (fence !== null) call.checkFence(fence);
  if (how === 'swallow') {
    try {
      call.setTimer(timerId(1), Number.NaN);
    } catch {
      return Uint8Array.of(1);
    }
  }
  call.space.set(VALUE, number(666));
  call.space.delete(HOLDER);
  for (const session of watchers(call)) call.publish(session, 'changed', { value: 666 });
  call.setTimer(timerId(9), call.timeMs + 1);
  call.clearTimer(timerId(1));
  call.own(call.session);
  switch (how) {
    case 'refuse':
      throw new QuorateError('versionMismatch', 'as asked: \ud800', { version: 3, text: 'x'.repeat(500), isRight: false });
    case 'invariant':
      throw new QuorateError('invariantBroken', 'as asked');
    case 'bug':
      throw new TypeError('as asked');
    case 'promise':
      return Promise.resolve() as never;
    case 'result':
      return 7 as never;
    case 'event':
      call.publish(call.session, 'changed', { value: 'x' as never });
      return Uint8Array.of(1);
    default:
      return new Uint8Array(1_500_000);
  }
}

const MACHINE: ResourceMachine<typeof CELL> = {
  commands: {
    add: (call, { amount, fence }) => {
      if (fence !== null) call.checkFence(fence);
      const value = readNumber(call.space, VALUE) + amount;
      call.space.set(VALUE, number(value));
      for (const session of watchers(call)) call.publish(session, 'changed', { value });
      if (value > 1000) throw new QuorateError('counterOverflow', `${value} is over 1000`, { value });
      return value;
    },
    take: (call) => {
      if (call.space.has(HOLDER)) throw new QuorateError('unavailable', 'held', { by: readNumber(call.space, HOLDER) });
      call.space.set(HOLDER, number(call.session));
      call.space.set(HELD_INDEX, number(call.index));
      call.own(call.session);
      return call.token;
    },
    release: (call) => {
      if (readNumber(call.space, HOLDER) !== call.session) throw new QuorateError('notHeld', 'not held');
      free(call);
      if (!call.space.has(watcherKey(call.session))) call.disown(call.session);
    },
    watch: (call, { isOn }) => {
      if (!isOn) return call.space.delete(watcherKey(call.session));
      call.own(call.session);
      return call.space.set(watcherKey(call.session), new Uint8Array(0));
    },
    delay: (call, { id, afterMs, repeats }) => arm(call, id, afterMs, repeats),
    cancel: (call, { id }) => call.clearTimer(timerId(id)),
    fail: failing,
    emit: (call, { count, size }) => {
      for (const session of watchers(call)) {
        for (let i = 0; i < count; i++) call.publish(session, 'filler', { bytes: new Uint8Array(size) });
      }
    },
  },
  queries: {
    get: (call) => readNumber(call.space, VALUE),
    about: (call) => [call.index, call.timeMs, call.session, readNumber(call.space, HOLDER), ...watchers(call)],
    write: (call) => {
      (call as never as Call).publish(1, 'changed', { value: 1 });
    },
  },
  sessionEnded: (call, session) => {
    call.space.delete(watcherKey(session));
    call.publish(session, 'freed', { session });
    if (readNumber(call.space, HOLDER) !== session) return;
    free(call);
    for (const each of watchers(call)) call.publish(each, 'freed', { session });
  },
  timer: (call, id) => {
    const number = ((id[0] as number) << 8) | (id[1] as number);
    for (const session of watchers(call)) call.publish(session, 'fired', { id: number, timeMs: call.timeMs, index: call.index });
    const state = call.space.get(Uint8Array.of(5, ...id));
    if (state === undefined) return;
    const repeats = ((state[8] as number) << 8) | (state[9] as number);
    if (repeats > 0) arm(call, number, readU64(state, 0) - 2 ** 40, repeats - 1);
    else call.space.delete(Uint8Array.of(5, ...id));
  },
  holds: (call, { epoch, index }) => epoch === 1 && call.space.has(HOLDER) && readNumber(call.space, HELD_INDEX) === index,
};

/** The cell as a node is given it. */
export const CELL_TYPE: AnyResourceType = resourceType(CELL, MACHINE);
