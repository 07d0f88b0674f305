import assert from 'node:assert/strict';
import {
  type Incarnation,
  LIMITS,
  QuorateError,
  type Random,
  concatBytes,
  nodeId,
  randomBetween,
  randomChance,
  randomHex16,
  writeU16,
} from '@quorate/base';
import { Catalogue, type CatalogueCommand, decodeCommand, encodeCommand } from '@quorate/host';
import { drawBytes, drawOne, mutateBytes, runFuzz } from '@quorate/testkit';

/** A name of 1 to 20 letters, sometimes of many bytes per letter or as long as a name may be. */
function someName(random: Random): string {
  if (randomChance(random, 0.05)) return 'n'.repeat(LIMITS.nameBytesMax);
  return Array.from({ length: randomBetween(random, 1, 20) }, () => drawOne(random, ['a', 'b', '-', '7', 'ä', '中', '😀'])).join('');
}

function someCommand(random: Random): CatalogueCommand {
  if (randomChance(random, 0.5)) return { type: 'createStream', name: someName(random) };
  const nodes = Array.from({ length: randomBetween(random, 0, 5) }, () => ({
    nodeId: nodeId(randomBetween(random, 1, 0xffff)),
    incarnation: randomHex16(() => random.nextUint32()) as Incarnation,
    address: `127.0.0.1:${randomBetween(random, 1, 0xffff)}`,
  }));
  return { type: 'registerNodes', nodes };
}

/** Whatever the bytes are: one of the errors that are promised, or a command that encodes to exactly these bytes. */
function decodeAnything(bytes: Uint8Array): CatalogueCommand | null {
  let command: CatalogueCommand;
  try {
    command = decodeCommand(bytes);
  } catch (thrown) {
    if (thrown instanceof QuorateError && (thrown.code === 'malformedFrame' || thrown.code === 'formatUnsupported')) return null;
    throw thrown;
  }
  assert.deepEqual(encodeCommand(command), bytes, 'a command has one encoding');
  return command;
}

function roundTrip(random: Random): void {
  const command = someCommand(random);
  assert.deepEqual(decodeCommand(encodeCommand(command)), command);
}

function truncated(random: Random): void {
  const bytes = encodeCommand(someCommand(random));
  assert.equal(decodeAnything(bytes.slice(0, randomBetween(random, 0, bytes.length - 1))), null);
}

function mutated(random: Random): void {
  decodeAnything(mutateBytes(random, encodeCommand(someCommand(random))));
}

function noise(random: Random): void {
  const bytes = drawBytes(random, 100);
  decodeAnything(randomChance(random, 0.8) ? concatBytes([Uint8Array.of(1, randomBetween(random, 0, 3)), bytes]).slice() : bytes);
}

/** More nodes announced than there are bytes: refused at the end of the bytes, not after as many turns as were announced. */
function evilCount(random: Random): void {
  const bytes = encodeCommand({ type: 'registerNodes', nodes: [] });
  const evil = concatBytes([bytes, drawBytes(random, 30)]).slice();
  writeU16(evil, 2, drawOne(random, [2, 0xff, 0x7fff, 0xffff]));
  assert.equal(decodeAnything(evil), null);
}

/** A catalogue takes any decodable commands in any order, deterministically; a group belongs to one name for ever. */
function catalogue(random: Random): void {
  const commands: CatalogueCommand[] = [];
  for (let left = randomBetween(random, 1, 12); left > 0; left--) {
    const bytes = encodeCommand(someCommand(random));
    const command = decodeAnything(randomChance(random, 0.5) ? bytes : mutateBytes(random, bytes));
    if (command !== null) commands.push(command);
  }
  const [one, two] = [new Catalogue(), new Catalogue()];
  const groups = new Map<string, number>();
  for (const command of commands) {
    const outcome = one.apply(command);
    assert.deepEqual(two.apply(command), outcome);
    if (outcome.type !== 'streamCreated') continue;
    const { name, group } = outcome.stream;
    assert.equal(outcome.wasCreated, !groups.has(name));
    assert.equal(groups.get(name) ?? group, group);
    assert.ok(groups.has(name) || ![...groups.values()].includes(group), 'a group is given out once');
    groups.set(name, group);
  }
  assert.deepEqual([...one.streams()], [...two.streams()]);
  // No request can make the empty name, so a list that begins after it need not have it.
  groups.delete('');
  assert.equal(one.list('', '', LIMITS.catalogueEntriesMax).streams.length, groups.size);
}

const KINDS = [roundTrip, truncated, mutated, mutated, mutated, noise, evilCount, catalogue] as const;

/** Commands of the system group: anything but a sound one is `malformedFrame` or `formatUnsupported`; the catalogue takes what decodes. */
export function fuzzHost(seed: number, cases: number): { cases: number } {
  return runFuzz('fuzzHost', KINDS, seed, cases);
}
