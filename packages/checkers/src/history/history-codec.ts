// One line of a history and back. See docs/formats/history.md. Nothing is trusted: every field is checked for its type, unknown ones are refused.
import { QuorateError } from '@quorate/base';
import type { HistoryEvent, HistoryFields, HistoryHeader, HistoryObject, HistoryValue, ObjectKind } from './event.js';
import { HISTORY_LIMITS } from './history-limits.js';
import { bytesText, fromBase64, wrappedBase64 } from './history-text.js';
import { jsonFaultColumn } from './json-fault.js';
import { VOCABULARY, historyError } from './vocabulary.js';

type Json = Record<string, unknown>;

const EVENT_FIELDS: Readonly<Record<HistoryEvent['type'], Readonly<Record<string, FieldType>>>> = {
  invoke: {
    process: 'whole',
    client: 'text?',
    session: 'text?',
    number: 'whole?',
    object: 'text',
    op: 'text',
    args: 'fields',
    consistency: 'consistency?',
  },
  ok: { process: 'whole', result: 'value' },
  fail: { process: 'whole', error: 'text' },
  info: { process: 'whole', error: 'text' },
  told: { client: 'text', object: 'text', event: 'text', fields: 'fields' },
  session: { client: 'text', session: 'text', state: 'state' },
  fault: { fault: 'text', target: 'text?' },
  note: { text: 'text' },
};
type FieldType = 'whole' | 'whole?' | 'text' | 'text?' | 'fields' | 'value' | 'consistency?' | 'state';

const CONSISTENCIES: readonly unknown[] = ['linearizable', 'sequential', 'stale'];
const STATES: readonly unknown[] = ['opened', 'lost', 'closed'];

/** The header as a line, without the line end. */
export function encodeHeader(header: HistoryHeader): string {
  return JSON.stringify(header);
}

/** An event as a line, without the line end. `invalidArgument` if a value has no form in a history. */
export function encodeEvent(event: HistoryEvent): string {
  return JSON.stringify(event, (_, value: unknown) => {
    if (typeof value === 'string') {
      const base64 = wrappedBase64(value);
      return base64 === null ? value : { base64 };
    }
    if (typeof value === 'bigint') return { int: value.toString() };
    if (typeof value === 'number') checkNumber(value);
    return value;
  });
}

/** Reads the first line. `invalidArgument` with `field` (and `column` where the JSON is broken). */
export function decodeHeader(line: string): HistoryHeader {
  const json = parseLine(line);
  if (json['format'] !== 'quorate-history')
    throw historyError('not a history: the first line must have "format":"quorate-history"', 'format');
  if (json['version'] !== 1) throw historyError(`version ${shown(json['version'])} of the format is not known, only 1`, 'version');
  if (typeof json['source'] !== 'string') throw historyError('source must be a text', 'source');
  const list = json['objects'];
  if (!Array.isArray(list)) throw historyError('objects must be a list', 'objects');
  if (list.length > HISTORY_LIMITS.objectsMax) throw historyError(`more than ${HISTORY_LIMITS.objectsMax} objects`, 'objects');
  refuseOthers(json, ['format', 'version', 'source', 'objects']);
  const names = new Set<string>();
  const objects = list.map((each: unknown, at) => {
    const object = decodeObject(each, `objects[${at}]`);
    if (names.has(object.name)) throw historyError(`object ${JSON.stringify(object.name)} stands there twice`, `objects[${at}].name`);
    names.add(object.name);
    return object;
  });
  return { format: 'quorate-history', version: 1, source: json['source'], objects };
}

/** For a message. An object is only named: making a text of one may call what it holds, or never end. */
function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'that is no number' : String(value);
}

function decodeObject(value: unknown, field: string): HistoryObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw historyError(`${field} must be an object`, field);
  const json = value as Json;
  const { name, kind, group, hasUniqueValues, isReadBack, isTrimmed } = json;
  if (typeof name !== 'string' || name === '') throw historyError(`${field}.name must be a text`, `${field}.name`);
  if (typeof kind !== 'string' || !Object.hasOwn(VOCABULARY, kind)) {
    throw historyError(`${field}.kind must be one of: ${Object.keys(VOCABULARY).join(', ')}`, `${field}.kind`);
  }
  for (const [key, flag] of Object.entries({ hasUniqueValues, isReadBack, isTrimmed })) {
    if (flag !== undefined && typeof flag !== 'boolean') throw historyError(`${field}.${key} must be true or false`, `${field}.${key}`);
  }
  if (group !== undefined && !(Number.isSafeInteger(group) && (group as number) >= 0)) {
    throw historyError(`${field}.group must be a whole number from 0`, `${field}.group`);
  }
  refuseOthers(json, ['name', 'kind', 'group', 'hasUniqueValues', 'isReadBack', 'isTrimmed'], `${field}.`);
  return {
    name,
    kind: kind as ObjectKind,
    ...(typeof group === 'number' ? { group } : {}),
    ...(typeof hasUniqueValues === 'boolean' ? { hasUniqueValues } : {}),
    ...(typeof isReadBack === 'boolean' ? { isReadBack } : {}),
    ...(typeof isTrimmed === 'boolean' ? { isTrimmed } : {}),
  };
}

/** Reads any other line. Whether it fits the lines before is for `CallTracker`. `invalidArgument` with `field` and `column`. */
export function decodeEvent(line: string): HistoryEvent {
  const json = parseLine(line);
  const type = json['type'];
  const fields = typeof type === 'string' && Object.hasOwn(EVENT_FIELDS, type) ? EVENT_FIELDS[type as HistoryEvent['type']] : undefined;
  if (fields === undefined) throw historyError(`type must be one of: ${Object.keys(EVENT_FIELDS).join(', ')}`, 'type');
  const timeMs = json['timeMs'];
  if (typeof timeMs !== 'number') throw historyError('timeMs must be a number', 'timeMs');
  checkNumber(timeMs, 'timeMs');
  json['timeMs'] = withoutSign(timeMs);
  for (const name in fields) decodeField(json, name, fields[name] as FieldType);
  for (const name in json) {
    if (name !== 'type' && name !== 'timeMs' && !Object.hasOwn(fields, name))
      throw historyError(`${String(type)} has no field "${name}"`, name);
  }
  return json as unknown as HistoryEvent;
}

function decodeField(json: Json, name: string, type: FieldType): void {
  const value = Object.hasOwn(json, name) ? json[name] : undefined;
  if (value === undefined) {
    if (type.endsWith('?')) return;
    throw historyError(`${name} is missing`, name);
  }
  switch (type) {
    case 'whole':
    case 'whole?':
      if (!Number.isSafeInteger(value) || (value as number) < 0) throw historyError(`${name} must be a whole number from 0`, name);
      json[name] = withoutSign(value as number);
      return;
    case 'text':
    case 'text?':
      if (typeof value !== 'string') throw historyError(`${name} must be a text`, name);
      return;
    case 'consistency?':
      if (!CONSISTENCIES.includes(value)) throw historyError(`${name} must be one of: ${CONSISTENCIES.join(', ')}`, name);
      return;
    case 'state':
      if (!STATES.includes(value)) throw historyError(`${name} must be one of: ${STATES.join(', ')}`, name);
      return;
    case 'fields':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw historyError(`${name} must be an object`, name);
      for (const key in value) (value as Json)[key] = decodeValue((value as Json)[key], `${name}.${key}`, 1);
      return;
    case 'value':
      json[name] = decodeValue(value, name, 0);
  }
}

function decodeValue(value: unknown, field: string, depth: number): HistoryValue {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    checkNumber(value, field);
    return withoutSign(value);
  }
  if (typeof value === 'string') {
    if (isIllFormed(value)) throw historyError(`${field} has a lone surrogate, which no text has; write bytes as {"base64":…}`, field);
    return value;
  }
  if (depth >= HISTORY_LIMITS.valueDepthMax) throw historyError(`${field} has more than ${HISTORY_LIMITS.valueDepthMax} levels`, field);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = decodeValue(value[i], field, depth + 1);
    return value as HistoryValue[];
  }
  const json = value as Json;
  const names = Object.keys(json);
  if (names.length === 1 && names[0] === 'base64') return decodeBase64(json['base64'], field);
  if (names.length === 1 && names[0] === 'int') return decodeInt(json['int'], field);
  for (const name of names) json[name] = decodeValue(json[name], `${field}.${name}`, depth + 1);
  return json as HistoryFields;
}

// A lone surrogate: UTF-8 has none, and inside this package it marks bytes. The pattern is tried only on texts with surrogates.
const SURROGATE = /[\uD800-\uDFFF]/;
const LONE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;
function isIllFormed(text: string): boolean {
  return SURROGATE.test(text) && LONE.test(text);
}

function decodeBase64(value: unknown, field: string): string {
  if (typeof value !== 'string') throw historyError(`${field}.base64 must be a text`, field);
  try {
    return bytesText(fromBase64(value));
  } catch (cause) {
    throw new QuorateError('invalidArgument', `${field} is not standard Base64 with padding`, { field }, { cause });
  }
}

function decodeInt(value: unknown, field: string): number | bigint {
  if (typeof value !== 'string' || !/^-?(?:0|[1-9]\d{0,39})$/.test(value))
    throw historyError(`${field}.int must be a whole number as text`, field);
  const number = Number(value);
  return Number.isSafeInteger(number) ? withoutSign(number) : BigInt(value);
}

/** JSON can say -0, which is 0 and must be the same as it. */
function withoutSign(value: number): number {
  return value === 0 ? 0 : value;
}

function checkNumber(value: number, field = 'value'): void {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    throw historyError(`${field} is a number beyond 2^53 - 1, which loses digits; write {"int":"…"}`, field);
  }
}

function parseLine(line: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    const column = jsonFaultColumn(line);
    throw new QuorateError('invalidArgument', `not a line of JSON (column ${column})`, { field: '', column }, { cause });
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw historyError('a line must be a JSON object', '');
  return json as Json;
}

function refuseOthers(json: Json, known: readonly string[], prefix = ''): void {
  for (const name of Object.keys(json))
    if (!known.includes(name)) throw historyError(`there is no field "${prefix}${name}"`, `${prefix}${name}`);
}
