import { QuorateError } from '@quorate/base';
import type { HistoryFields, HistoryValue, ObjectKind } from './event.js';
import { isToken } from './token.js';

/** Shapes of arguments, results and fields. */
type Shape =
  | 'any'
  | 'text'
  | 'value'
  | 'flag'
  | 'whole'
  | 'number'
  | 'token'
  | 'fence'
  | 'texts'
  | 'leader'
  | 'entry'
  | 'entries'
  | 'optional whole';

interface Fields {
  readonly [field: string]: Shape | `${Shape}?`;
}
interface Operation {
  readonly args: Fields;
  /** The shape of the result, or its fields if it is an object of its own. */
  readonly result: Shape | Fields;
}

const FENCE = { fence: 'fence?' } as const;
const WRITE = { key: 'text', value: 'text', ttlMs: 'number?', ...FENCE } as const;

/** What each kind of object can do and what is told of it: the one list that decoder, checkers and docs/formats/history.md agree on. */
export const VOCABULARY: Readonly<
  Record<ObjectKind, { readonly operations: Readonly<Record<string, Operation>>; readonly told: Readonly<Record<string, Fields>> }>
> = {
  register: {
    operations: {
      read: { args: {}, result: 'value' },
      write: { args: { value: 'value' }, result: 'any' },
      cas: { args: { expected: 'value', value: 'value' }, result: 'flag' },
    },
    told: {},
  },
  map: {
    operations: {
      get: { args: { key: 'text', minVersion: 'whole?' }, result: 'entry' },
      scan: {
        args: {
          from: 'text?',
          to: 'text?',
          prefix: 'text?',
          limit: 'whole?',
          isReverse: 'flag?',
          isKeysOnly: 'flag?',
          minVersion: 'whole?',
        },
        result: { entries: 'entries', hasMore: 'flag' },
      },
      size: { args: {}, result: { size: 'whole', version: 'whole' } },
      set: { args: WRITE, result: { version: 'whole', previousVersion: 'optional whole' } },
      setIfAbsent: { args: WRITE, result: { isSet: 'flag', version: 'whole' } },
      compareAndSet: { args: { ...WRITE, version: 'whole' }, result: { version: 'whole' } },
      remove: { args: { key: 'text', version: 'whole?', ...FENCE }, result: 'flag' },
      watch: { args: { watch: 'text', key: 'text?', prefix: 'text?', afterVersion: 'whole?' }, result: { version: 'whole' } },
      unwatch: { args: { watch: 'text' }, result: 'any' },
    },
    told: {
      changed: { watch: 'text', version: 'whole', change: 'text', key: 'text', value: 'value' },
      reached: { watch: 'text', version: 'whole' },
      ended: { watch: 'text', error: 'text' },
    },
  },
  counter: {
    operations: {
      get: { args: {}, result: 'number' },
      add: { args: { delta: 'number', ...FENCE }, result: 'number' },
      set: { args: { value: 'number', ...FENCE }, result: 'number' },
      compareAndSet: { args: { expected: 'number', value: 'number', ...FENCE }, result: 'flag' },
    },
    told: {},
  },
  lock: {
    operations: {
      acquire: { args: {}, result: { token: 'token' } },
      tryAcquire: { args: {}, result: 'leader' },
      release: { args: { token: 'token' }, result: 'any' },
      holder: { args: {}, result: 'leader' },
    },
    told: { lost: { token: 'token' } },
  },
  election: {
    operations: {
      campaign: { args: {}, result: { token: 'token' } },
      resign: { args: { token: 'token' }, result: 'any' },
      leader: { args: {}, result: 'leader' },
    },
    told: { lost: { token: 'token' }, leaderChanged: { leader: 'leader' } },
  },
  queue: {
    operations: {
      enqueue: { args: { value: 'text' }, result: 'any' },
      dequeue: { args: {}, result: 'value' },
    },
    told: {},
  },
  stream: {
    operations: {
      append: { args: { values: 'texts', ...FENCE }, result: { offset: 'whole' } },
      read: { args: { from: 'whole' }, result: { values: 'texts', from: 'whole', nextOffset: 'whole' } },
    },
    told: {},
  },
};

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isRecord = (value: unknown): value is HistoryFields => typeof value === 'object' && value !== null && !Array.isArray(value);

const SHAPES: Readonly<Record<Shape, (value: HistoryValue) => boolean>> = {
  any: () => true,
  text: (value) => typeof value === 'string',
  value: (value) => value === null || typeof value !== 'object',
  flag: (value) => typeof value === 'boolean',
  whole: isWhole,
  number: (value) => typeof value === 'number',
  token: isToken,
  fence: (value) => isRecord(value) && typeof value['lock'] === 'string' && isToken(value['token']),
  texts: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  leader: (value) => value === null || (isRecord(value) && isToken(value['token'])),
  entry: (value) => value === null || isEntry(value),
  entries: (value) => Array.isArray(value) && value.every((each) => isEntry(each) && typeof each['key'] === 'string'),
  'optional whole': (value) => value === null || isWhole(value),
};

function isEntry(value: unknown): value is HistoryFields {
  return isRecord(value) && isWhole(value['version']) && (typeof value['value'] === 'string' || value['value'] === null);
}

interface CompiledField {
  readonly name: string;
  readonly shape: Shape;
  readonly isOptional: boolean;
  readonly test: (value: HistoryValue) => boolean;
}

const compiled = new Map<Fields, readonly CompiledField[]>();
function compile(fields: Fields): readonly CompiledField[] {
  const known = compiled.get(fields);
  if (known !== undefined) return known;
  const list = Object.entries(fields).map(([name, text]): CompiledField => {
    const isOptional = text.endsWith('?');
    const shape = (isOptional ? text.slice(0, -1) : text) as Shape;
    return { name, shape, isOptional, test: SHAPES[shape] };
  });
  compiled.set(fields, list);
  return list;
}
for (const { operations, told } of Object.values(VOCABULARY)) {
  for (const { args, result } of Object.values(operations)) for (const each of [args, result]) if (typeof each === 'object') compile(each);
  for (const each of Object.values(told)) compile(each);
}

/** A contradiction or a wrong shape, with the field it is about. The code is `invalidArgument`. */
export function historyError(message: string, field: string): QuorateError {
  return new QuorateError('invalidArgument', message, { field });
}

/** Throws unless these are the arguments of that operation. */
export function checkArgs(kind: ObjectKind, op: string, args: HistoryValue): void {
  checkFields(operationOf(kind, op).args, args, 'args', `${kind} ${op}`);
}

/** Throws unless this is a result of that operation. */
export function checkResult(kind: ObjectKind, op: string, result: HistoryValue): void {
  const shape = operationOf(kind, op).result;
  if (typeof shape === 'object') checkFields(shape, result, 'result', `${kind} ${op}`);
  else if (!SHAPES[shape](result)) throw historyError(`the result of ${kind} ${op} must be: ${shape}`, 'result');
}

/** Throws unless this can be told of an object of that kind. */
export function checkTold(kind: ObjectKind, event: string, fields: HistoryValue): void {
  const all = VOCABULARY[kind].told;
  const shape = Object.hasOwn(all, event) ? all[event] : undefined;
  if (shape === undefined) throw historyError(`nothing called "${event}" is told of a ${kind}`, 'event');
  checkFields(shape, fields, 'fields', `${kind} ${event}`);
}

function operationOf(kind: ObjectKind, op: string): Operation {
  const all = VOCABULARY[kind].operations;
  const found = Object.hasOwn(all, op) ? all[op] : undefined;
  if (found === undefined) throw historyError(`a ${kind} has no operation "${op}"`, 'op');
  return found;
}

function checkFields(shape: Fields, value: HistoryValue, where: string, what: string): void {
  if (!isRecord(value)) throw historyError(`${where} of ${what} must be an object`, where);
  let found = 0;
  for (const { name, shape: wanted, isOptional, test } of compile(shape)) {
    const field = Object.hasOwn(value, name) ? value[name] : undefined;
    if (field !== undefined) found++;
    if (field === undefined || (isOptional && field === null)) {
      if (!isOptional) throw historyError(`${what} lacks ${where}.${name}`, `${where}.${name}`);
    } else if (!test(field)) throw historyError(`${where}.${name} of ${what} must be: ${wanted}`, `${where}.${name}`);
  }
  // More than the table knows is a newer or foreign meaning; a verdict that ignores it could be wrong.
  let present = 0;
  for (const name in value) {
    if (value[name] === undefined) continue;
    present++;
    if (!Object.hasOwn(shape, name)) throw historyError(`${what} has no ${where}.${name}`, `${where}.${name}`);
  }
  if (present !== found) throw historyError(`${where} of ${what} has fields that are not its own`, where);
}
