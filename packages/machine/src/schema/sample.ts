import { QuorateError, type Random, fromUtf8, randomBetween, randomChance, randomUnit } from '@quorate/base';
import type { ArgumentFields, ArgumentsOf } from '../resource-definition.js';
import type { Field, FieldDescription } from './field.js';

const LONG_MAX = 64;
// One to four bytes of UTF-8 each, none that a terminal would trip over.
const LETTERS = ['a', 'z', '0', ' ', '-', '/', 'é', 'ß', '→', '日', '😀'] as const;

/** A random value that the field accepts: its borders often, else short ones. For tests and examples. */
export function sampleOf<T>(field: Field<T>, random: Random): T {
  return sampleDescribed(field.description, random) as T;
}

/** Random values of named fields. */
export function sampleFields<A extends ArgumentFields>(fields: A, random: Random): ArgumentsOf<A> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, sampleOf(field, random)])) as ArgumentsOf<A>;
}

function sampleDescribed(description: FieldDescription, random: Random): unknown {
  const { min = 0, max = 0 } = description;
  switch (description.kind) {
    case 'bytes':
      return Uint8Array.from({ length: someLength(min, max, random) }, () => random.nextUint32());
    case 'text':
      return someText(min, max, random);
    case 'u16':
    case 'u32':
    case 'u53':
    case 'i53':
      return someNumber(min, max, random);
    case 'flag':
      return randomChance(random, 0.5);
    case 'choice':
      return description.names?.[randomBetween(random, 0, description.names.length - 1)];
    case 'optional':
      return randomChance(random, 0.3) ? null : sampleDescribed(partOf(description), random);
    case 'list':
      return Array.from({ length: randomBetween(random, 0, Math.min(max, 8)) }, () => sampleDescribed(partOf(description), random));
    case 'record':
      return Object.fromEntries(Object.entries(description.fields ?? {}).map(([name, field]) => [name, sampleDescribed(field, random)]));
    case 'nothing':
      return undefined;
    case 'token':
      return someToken(random);
    case 'fence':
      return { group: random.nextUint32(), resource: someNumber(0, Number.MAX_SAFE_INTEGER, random), token: someToken(random) };
    default:
      throw new QuorateError('invalidArgument', `no sample of a field of kind ${description.kind}`, { kind: description.kind });
  }
}

function partOf(description: FieldDescription): FieldDescription {
  if (description.of === undefined) throw new QuorateError('invalidArgument', `${description.kind} of what?`, {});
  return description.of;
}

function someLength(min: number, max: number, random: Random): number {
  return randomChance(random, 0.1) ? min : randomBetween(random, min, Math.max(min, Math.min(max, LONG_MAX)));
}

function someText(min: number, max: number, random: Random): string {
  const length = someLength(min, max, random);
  const encoder = new TextEncoder();
  let bytes = encoder.encode('');
  while (bytes.length < length) {
    const letter = encoder.encode(LETTERS[randomBetween(random, 0, LETTERS.length - 1)]);
    const fitting = bytes.length + letter.length <= max ? letter : encoder.encode('a');
    const longer = new Uint8Array(bytes.length + fitting.length);
    longer.set(bytes);
    longer.set(fitting, bytes.length);
    bytes = longer;
  }
  return fromUtf8(bytes);
}

function someNumber(min: number, max: number, random: Random): number {
  const draw = randomUnit(random);
  if (draw < 0.1) return min;
  if (draw < 0.2) return max;
  if (draw < 0.6) return Math.max(min, Math.min(max, randomBetween(random, -10, 1000)));
  return Math.max(min, Math.min(max, Math.round(min + randomUnit(random) * (max - min))));
}

function someToken(random: Random): { epoch: number; index: number } {
  return { epoch: randomBetween(random, 0, 3), index: someNumber(0, Number.MAX_SAFE_INTEGER, random) };
}
