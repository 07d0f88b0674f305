import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Network, SeededRandom, type Timers, crc32c, nodeId } from '@quorate/base';
import { type Host, startHost } from '@quorate/host';
import { MemoryDisk } from '@quorate/storage';

const ADDRESS = { host: '127.0.0.1', port: 7400 };

/** An event loop by hand, as that of Node.js: timers, what the disk completed, then the end of the turn. */
class Loop {
  nowMs = 0;
  readonly completed: (() => void)[] = [];
  turn = 0;
  /** What runs at present. */
  phase: 'events' | 'deferred' | 'soon' = 'events';
  #timers: { dueMs: number; callback: () => void }[] = [];
  #deferred: (() => void)[] = [];
  readonly #soon: (() => void)[] = [];
  readonly timers: Timers = {
    set: (delayMs, callback) => {
      const timer = { dueMs: this.nowMs + delayMs, callback };
      this.#timers.push(timer);
      return timer;
    },
    clear: (handle) => {
      this.#timers = this.#timers.filter((timer) => timer !== handle);
    },
    defer: (callback) => void this.#deferred.push(callback),
    soon: (callback) => void this.#soon.push(callback),
  };

  run(): void {
    this.turn++;
    this.nowMs++;
    this.phase = 'events';
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ dueMs }) => dueMs > this.nowMs);
    for (const { callback } of due) callback();
    for (const callback of this.completed.splice(0)) callback();
    const deferred = this.#deferred;
    this.#deferred = [];
    this.phase = 'deferred';
    for (const callback of deferred) callback();
    this.phase = 'soon';
    for (let next = this.#soon.shift(); next !== undefined; next = this.#soon.shift()) next();
  }
}

function networkOf({ timers }: Loop): Network {
  return {
    listen: (address, _accept, done) => timers.defer(() => done(null, { address, close: () => {} })),
    connect: () => ({ cancel: () => {} }),
  };
}

test('node: a sync completes → what follows from it is done in that turn of the loop, without another look at the sockets', () => {
  const loop = new Loop();
  const turned: string[] = [];
  let host: Host | null = null;
  let failure: unknown = null;
  startHost(
    {
      nodeId: nodeId(1),
      listen: ADDRESS,
      advertise: ADDRESS,
      members: [{ nodeId: nodeId(1), address: '127.0.0.1:7400' }],
      resources: [],
      disk: new MemoryDisk({ defer: (callback) => void loop.completed.push(callback) }),
      network: networkOf(loop),
      clock: { nowMs: () => loop.nowMs, wallMs: () => loop.nowMs },
      timers: loop.timers,
      random: new SeededRandom(1),
      checksum: crc32c,
      logger: { log: () => {} },
      version: '0.0.0',
      pid: 1,
      settings: { syncMode: 'async' },
    },
    (error, started) => {
      failure ??= error;
      host = started;
    },
    {
      fatal: (error) => {
        failure = error;
      },
      turned: ({ group, log }) => turned.push(`group ${group} ${loop.phase} durable ${log.durableIndex}`),
    },
  );
  for (let turns = 0; turns < 2000 && !turned.some(isDurable); turns++) loop.run();
  assert.equal(failure, null);
  assert.ok(host !== null, 'the node runs');
  // Of the first batches, in the turn in which they became durable.
  assert.match(turned.find(isDurable) ?? 'nothing is durable', /^group 0 soon /);
});

function isDurable(line: string): boolean {
  return !line.endsWith('durable 0');
}
