import { ByteReader } from '@quorate/base';
import type { FieldPlace } from './edits.js';

/*
 * What a decoder does while it runs, counted instead of timed: bytes of memory that it asks for by a length, and reads of a `ByteReader`. Both
 * are the same on a loaded machine.
 */

/** What was counted. */
export interface Measured {
  /** Bytes of typed arrays and buffers made with a length, and 8 for each place of an array made with one. */
  allocatedBytes: number;
  reads: number;
  /** What the readers read, in order. Only of those that read `bytes` itself. */
  readonly fields: FieldPlace[];
}

const SIZED = ['ArrayBuffer', 'Uint8Array', 'Uint16Array', 'Uint32Array', 'Float64Array', 'BigUint64Array'] as const;
const READS = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

/** Runs `body`, counting. It must be synchronous. */
export function measured(body: () => void): Measured {
  const counted: Measured = { allocatedBytes: 0, reads: 0, fields: [] };
  const undo = [...SIZED.map((name) => countConstructor(name, counted)), countArrays(counted), countReads(counted)];
  try {
    body();
  } finally {
    for (const step of undo) step();
  }
  return counted;
}

type Constructor = new (...args: unknown[]) => object;

function countConstructor(name: (typeof SIZED)[number], counted: Measured): () => void {
  const original = globalThis[name] as unknown as Constructor;
  const bytesEach = (original as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  const counting: Constructor = new Proxy(original, {
    construct: (target, args: unknown[], newTarget): object => {
      if (typeof args[0] === 'number') counted.allocatedBytes += args[0] * bytesEach;
      return Reflect.construct(target, args, newTarget === counting ? target : newTarget) as object;
    },
  });
  Object.assign(globalThis, { [name]: counting });
  return () => Object.assign(globalThis, { [name]: original });
}

function countArrays(counted: Measured): () => void {
  const { from } = Array;
  Array.from = ((items: { length?: number }, ...rest: never[]) => {
    counted.allocatedBytes += 8 * (items.length ?? 0);
    return (from as (...args: unknown[]) => unknown[]).call(Array, items, ...rest);
  }) as typeof Array.from;
  return () => {
    Array.from = from;
  };
}

function countReads(counted: Measured): () => void {
  const { prototype } = ByteReader;
  const originals = { u8: prototype.u8, u16: prototype.u16, u32: prototype.u32, u64: prototype.u64, raw: prototype.raw };
  for (const name of Object.keys(READS) as (keyof typeof READS)[]) {
    prototype[name] = function (this: ByteReader): number {
      counted.reads++;
      counted.fields.push({ at: this.position, length: READS[name] });
      return originals[name].call(this);
    };
  }
  prototype.raw = function (this: ByteReader, count: number): Uint8Array {
    counted.reads++;
    if (count > 0) counted.fields.push({ at: this.position, length: count });
    return originals.raw.call(this, count);
  };
  return () => void Object.assign(prototype, originals);
}
