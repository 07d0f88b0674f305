// What applying commands costs: CPU per command in one process, without log and network.
// Usage: node packages/machine/bench/apply.mjs [COMMANDS] [COMMANDS_PER_BATCH] [ROUNDS]
import { groupId } from '@quorate/base';
import { Machine, encodeCommands, encodeFields, encodeOpenResource, encodeOpenSession, decodeOpenedResource } from '@quorate/machine';
import { BUILTIN_TYPES, COUNTER, LOCK, MAP } from '@quorate/resources';

const [count = 100_000, perBatch = 100, rounds = 5] = process.argv.slice(2).map(Number);
const group = groupId(1);
const nothing = () => {};
const machine = new Machine({
  group,
  resources: BUILTIN_TYPES,
  events: { sessionOpened: nothing, sessionEnded: nothing, published: nothing, applied: nothing },
});

function batch(payload, entries) {
  const header = {
    kind: 'commands',
    group,
    term: 1,
    baseIndex: machine.appliedIndex + 1,
    count: entries,
    loggedTimeMs: 1000,
    payloadBytes: payload.length,
    payloadChecksum: 0,
  };
  return machine.apply(header, payload);
}

const opened = batch(encodeOpenSession({ key: new Uint8Array(16), ttlMs: 10_000, graceMs: 10_000 }), 1);
let number = 1;
function run(commands) {
  const payload = payloadOf(commands, number);
  number += commands.length;
  return batch(payload, commands.length);
}
function payloadOf(commands, firstNumber) {
  return encodeCommands({ session: opened.session, firstNumber, acknowledgedReplies: firstNumber - 1, acknowledgedEvents: 0, commands });
}
function create({ type, version }) {
  const [reply] = run([{ resource: 0, operation: 1, args: encodeOpenResource(type, version, type) }]).replies;
  return decodeOpenedResource(reply.result);
}
const command = (declaration, resource, name, args) => {
  const operation = declaration.operations[name];
  return { resource, operation: operation.code, args: encodeFields(operation.args, args, name) };
};

const [map, counter, lock] = [create(MAP), create(COUNTER), create(LOCK)];
const value = new Uint8Array(1024);
const key = (i) => new TextEncoder().encode(`key ${(i * 7919) % 10_000}`);
const kinds = {
  nothing: () => ({ resource: 0, operation: 3, args: new Uint8Array(0) }),
  'counter.add': () => command(COUNTER, counter, 'add', { delta: 1, fence: null }),
  'map.set': (i) => command(MAP, map, 'set', { key: key(i), value, ttlMs: null, fence: null }),
  'map.set ttl': (i) => command(MAP, map, 'set', { key: key(i), value, ttlMs: 60_000, fence: null }),
  'map.remove': (i) => command(MAP, map, 'remove', { key: key(i), version: null, fence: null }),
  'lock.acquire busy': () => command(LOCK, lock, 'acquire', { waitMs: 0 }),
};

for (const [name, make] of Object.entries(kinds)) {
  for (const size of new Set([perBatch, 1])) {
    const times = [];
    const of = size === 1 ? Math.ceil(count / 5) : count;
    for (let round = 0; round < rounds; round++) {
      const payloads = [];
      for (let at = 0; at < of; at += size) {
        const commands = Array.from({ length: Math.min(size, of - at) }, (_, i) => make(at + i));
        payloads.push([payloadOf(commands, number), commands.length]);
        number += commands.length;
      }
      const from = process.cpuUsage();
      for (const [payload, entries] of payloads) batch(payload, entries);
      const { user, system } = process.cpuUsage(from);
      times.push((user + system) / of);
    }
    times.sort((a, b) => a - b);
    const [least, median] = [times[0], times[times.length >> 1]].map((time) => time.toFixed(2));
    process.stdout.write(`${name.padEnd(18)} ${String(size).padStart(4)} per batch: ${least} µs (median ${median})\n`);
  }
}
