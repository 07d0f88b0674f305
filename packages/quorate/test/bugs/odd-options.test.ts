import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Quorate, QuorateError } from 'quorate';

const directory = mkdtempSync(join(tmpdir(), 'quorate-options-'));
after(() => rmSync(directory, { recursive: true, force: true }));

/** What callers without types may hand over; no text can be made of most of it. */
const ODD: readonly unknown[] = [
  null,
  Object.create(null),
  Symbol('odd'),
  {
    toString: (): never => {
      throw new Error('no text');
    },
  },
  () => {},
  [Object.create(null)],
  10n,
  Number.NaN,
  true,
];

const isRefusal = (error: unknown): boolean => error instanceof QuorateError && ['invalidArgument', 'addressInvalid'].includes(error.code);

test('Quorate.connect: options of any other kind, or that are no object → invalidArgument or addressInvalid, never a TypeError', async () => {
  const names = ['clusterId', 'deadlineMs', 'stallMs', 'sessionTtlMs', 'disconnectGraceMs', 'callsMax', 'appendBytesMax', 'logger'];
  for (const odd of ODD) {
    for (const name of names) {
      // Null means the default where a number belongs.
      if (odd === null && !['clusterId', 'logger'].includes(name)) continue;
      await assert.rejects(Quorate.connect('127.0.0.1:1', { [name]: odd }), isRefusal, name);
    }
    await assert.rejects(Quorate.connect(odd as string), isRefusal, 'addresses');
    await assert.rejects(Quorate.connect([odd] as string[]), isRefusal, 'an address');
  }
  for (const odd of [null, 1, 'text', [], Symbol('odd')]) await assert.rejects(Quorate.connect('127.0.0.1:1', odd as object), isRefusal);
});

test('Quorate.start: options of any other kind, or that are no object → invalidArgument or addressInvalid, never a TypeError', async () => {
  const good = { data: join(directory, 'data'), address: '127.0.0.1:1' };
  const names = ['data', 'address', 'members', 'listen', 'clusterId', 'resources', 'settings', 'logger', 'signal'];
  for (const odd of ODD) {
    for (const name of names) {
      // The settings of nobody and no signal are no mistake.
      if ((name === 'settings' || name === 'members') && typeof odd === 'object' && odd !== null && !Array.isArray(odd)) continue;
      if (name === 'signal' && odd === null) continue;
      await assert.rejects(Quorate.start({ ...good, [name]: odd }), isRefusal, `${name}: ${typeof odd}`);
    }
  }
  for (const odd of [null, undefined, 1, 'text', []]) await assert.rejects(Quorate.start(odd as unknown as typeof good), isRefusal);
});
