/**
 * A map that three processes share, each of which holds all of it: reads of what is near need no network, and a write is on the disks of two
 * before it is acknowledged. There is no server to install.
 *
 * Run it three times, in three terminals, with the own address first and those of the others after it:
 *
 *     node examples/embedded-map/main.js logs/map1 localhost:5100 localhost:5101 localhost:5102
 *     node examples/embedded-map/main.js logs/map2 localhost:5101 localhost:5100 localhost:5102
 *     node examples/embedded-map/main.js logs/map3 localhost:5102 localhost:5100 localhost:5101
 *
 * Then type into any of them: `KEY=VALUE` sets, `KEY=` removes, `KEY` shows, an empty line shows all. All three print every change, once and
 * in the same order. End one and start it again: it has everything. The end of the input (Ctrl-D) or Ctrl-C stops it in order.
 */
import { createInterface } from 'node:readline';
import { Quorate, QuorateError, type ReplicatedMap } from 'quorate';

const [data, self, ...others] = process.argv.slice(2);
if (data === undefined || self === undefined) {
  console.error('usage: node examples/embedded-map/main.js DATADIR SELF [OTHER…]     (SELF and OTHER are HOST:PORT)');
  process.exit(2);
}

const stopped = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopped.abort());
const { signal } = stopped;

try {
  await using quorate = await Quorate.start({ data, address: self, members: [self, ...others], signal });
  const settings = quorate.map<string>('settings');
  const version = await settings.version({ signal });
  console.log(`ready; the map has ${await settings.size({ signal })} keys`);
  // Both run until the signal fires; what one of them fails with ends the program.
  await Promise.all([printChanges(settings, version), obeyLines(settings)]);
} catch (thrown) {
  if (!signal.aborted) {
    console.error(thrown instanceof QuorateError ? `error: ${thrown.message} (${thrown.code})` : thrown);
    process.exitCode = 1;
  }
}

/** Every change after a version, whoever made it. After a lost session it goes on where it was. */
async function printChanges(settings: ReplicatedMap<string>, afterVersion: number): Promise<void> {
  for await (const change of settings.watch({ afterVersion, signal })) {
    console.log(change.type === 'set' ? `${change.key}=${change.value}` : `${change.key} ${change.type}`, `(version ${change.version})`);
  }
}

/** One command a line. A write that fails is told, and the next line is read. */
async function obeyLines(settings: ReplicatedMap<string>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, signal })) {
    try {
      await obey(settings, line);
    } catch (thrown) {
      if (!(thrown instanceof QuorateError) || signal.aborted) throw thrown;
      console.log(`${line}: ${thrown.message} (${thrown.code})`);
    }
  }
  stopped.abort();
}

async function obey(settings: ReplicatedMap<string>, line: string): Promise<void> {
  const [, key = '', isWrite, value = ''] = /^([^=]*)(=?)(.*)$/s.exec(line) ?? [];
  if (line === '') {
    for await (const entry of settings.entries({ signal })) console.log(`${entry.key} is ${entry.value}`);
  } else if (isWrite === '') {
    // "sequential": from this process itself, without asking anyone; never older than what it has seen.
    const entry = await settings.get(key, { consistency: 'sequential', signal });
    console.log(entry === undefined ? `${key} is not set` : `${key} is ${entry.value}`);
  } else if (value === '') {
    if (!(await settings.remove(key, { signal }))) console.log(`${key} is not set`);
  } else {
    await settings.set(key, value, { signal });
  }
}
