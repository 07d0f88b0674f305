import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Connection,
  type ConnectionHandlers,
  type Network,
  type QuorateError,
  SeededRandom,
  randomBetween,
  randomChance,
} from '@quorate/base';
import { type LinkConditions, SimNetwork, type SimProcess, SimScheduler } from '@quorate/testkit';

/** One end of a connection with all that it was told. */
class End implements ConnectionHandlers {
  connection: Connection | undefined;
  readonly received: number[] = [];
  chunks = 0;
  drains = 0;
  closedBy: string[] = [];
  #inCall = 0;

  within(action: (connection: Connection) => void): void {
    assert.ok(this.connection);
    this.#inCall++;
    action(this.connection);
    this.#inCall--;
  }
  opened(connection: Connection): void {
    this.#enter();
    this.connection = connection;
  }
  data(bytes: Uint8Array): void {
    this.#enter();
    this.chunks++;
    for (const byte of bytes) this.received.push(byte);
  }
  drain(): void {
    this.#enter();
    this.drains++;
  }
  closed(reason: string): void {
    this.#enter();
    this.closedBy.push(reason);
  }
  #enter(): void {
    assert.equal(this.#inCall, 0, 'called from within a call to the connection');
    assert.deepEqual(this.closedBy, [], 'called after closed');
  }
}

interface Pair {
  scheduler: SimScheduler;
  network: SimNetwork;
  a: SimProcess;
  b: SimProcess;
  networkOfA: Network;
  client: End;
  server: End;
}

const ADDRESS = { host: 'b', port: 7400 };

function pair(seed: number, link: Partial<LinkConditions> = {}, windowBytes = 65_536): Pair {
  const scheduler = new SimScheduler();
  const network = new SimNetwork({ scheduler, random: new SeededRandom(seed), link, windowBytes });
  const a = scheduler.forNode('a');
  const b = scheduler.forNode('b');
  const networkOfA = network.attach(a);
  const client = new End();
  const server = new End();
  network.attach(b).listen(
    ADDRESS,
    (connection) => {
      server.connection = connection;
      return server;
    },
    (error) => assert.equal(error, null),
  );
  networkOfA.connect(ADDRESS, client);
  scheduler.runUntil(() => client.connection !== undefined && server.connection !== undefined, { withinMs: 1000, what: 'connection' });
  return { scheduler, network, a, b, networkOfA, client, server };
}

const range = (from: number, count: number): Uint8Array => Uint8Array.from({ length: count }, (_, i) => from + i);

test('network: random writes both ways, chunked → every byte once, in order, no re-entrancy', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { scheduler, client, server } = pair(seed, { chunkChance: 0.7, jitterMs: 5 }, 1000);
    const random = new SeededRandom(seed);
    const sent = { client: [] as number[], server: [] as number[] };
    for (let round = 0; round < 60; round++) {
      const name = randomChance(random, 0.5) ? 'client' : 'server';
      const bytes = Uint8Array.from({ length: randomBetween(random, 1, 900) }, () => random.nextUint32());
      (name === 'client' ? client : server).within((connection) => {
        connection.write(bytes);
        if (randomChance(random, 0.3)) connection.flush();
      });
      sent[name].push(...bytes);
      if (randomChance(random, 0.5)) scheduler.runFor(randomBetween(random, 0, 3));
    }
    scheduler.runFor(10_000);
    assert.deepEqual(server.received, sent.client, `seed ${seed}`);
    assert.deepEqual(client.received, sent.server, `seed ${seed}`);
    assert.equal(client.connection?.queuedBytes, 0);
    assert.ok(client.drains > 0 && server.chunks > 1);
  }
});

test('network: writes of one turn → one delivery', () => {
  const { scheduler, client, server } = pair(1, { chunkChance: 0 });
  client.within((connection) => {
    for (let i = 0; i < 10; i++) connection.write(range(i * 10, 10));
    assert.equal(connection.queuedBytes, 100);
  });
  scheduler.runFor(10);
  assert.equal(server.chunks, 1);
  assert.deepEqual(server.received, [...range(0, 100)]);
});

test('network: the reader pauses → queued bytes grow at the writer beyond the window, all arrive after resume', () => {
  const { scheduler, client, server } = pair(2, {}, 1000);
  server.within((connection) => connection.pause());
  client.within((connection) => connection.write(new Uint8Array(5000)));
  scheduler.runFor(100);
  assert.equal(client.connection?.queuedBytes, 4000);
  assert.equal(server.received.length, 0);
  assert.equal(client.drains, 0);
  server.within((connection) => connection.resume());
  scheduler.runFor(100);
  assert.equal(server.received.length, 5000);
  assert.equal(client.connection?.queuedBytes, 0);
  assert.equal(client.drains, 1);
});

test('network: the reading process is stopped → its socket buffer fills to the bound, it reads all when it goes on', () => {
  const { scheduler, client, server, b } = pair(3, {}, 1000);
  b.pause();
  for (let i = 0; i < 20; i++) {
    client.within((connection) => connection.write(new Uint8Array(100)));
    scheduler.runFor(10);
  }
  assert.equal(server.received.length, 0);
  assert.equal(client.connection?.queuedBytes, 1000);
  b.resume();
  scheduler.runFor(100);
  assert.equal(server.received.length, 2000);
});

test('network: connect to a stopped process → opened by its operating system, accepted when it goes on', () => {
  const { scheduler, networkOfA, b, server } = pair(3);
  b.pause();
  const before = server.connection;
  const second = new End();
  networkOfA.connect(ADDRESS, second);
  scheduler.runFor(20);
  assert.ok(second.connection);
  assert.equal(server.connection, before);
  b.resume();
  scheduler.runFor(20);
  assert.notEqual(server.connection, before);
});

test('network: bytes and an end that overtake the answer to the dialer → wait for its handlers, all arrive after opened', () => {
  let overtaken = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const scheduler = new SimScheduler();
    const network = new SimNetwork({ scheduler, random: new SeededRandom(seed), link: { jitterMs: 20 } });
    const client = new End();
    let sentAtMs = 0;
    network.attach(scheduler.forNode('b')).listen(
      ADDRESS,
      (connection) => {
        connection.write(range(0, 50));
        connection.end();
        sentAtMs = scheduler.nowMs;
        return new End();
      },
      () => {},
    );
    network.attach(scheduler.forNode('a')).connect(ADDRESS, client);
    scheduler.runUntil(() => client.connection !== undefined, { withinMs: 1000, what: 'opened' });
    const openedAtMs = scheduler.nowMs;
    assert.deepEqual([client.received.length, client.closedBy.length], [0, 0], `seed ${seed}: nothing before opened`);
    scheduler.runFor(0.001);
    // Bytes take at most as long again after they were sent: what is there at once had waited.
    if (client.received.length > 0 && openedAtMs > sentAtMs) overtaken++;
    scheduler.runFor(100);
    assert.deepEqual(client.received, [...range(0, 50)], `seed ${seed}`);
    assert.equal(client.closedBy.length, 1, `seed ${seed}`);
  }
  assert.ok(overtaken >= 3, `${overtaken} of 20 overtook the answer`);
});

test('network: end → what is queued arrives, then both sides close once', () => {
  const { scheduler, network, client, server } = pair(4, {}, 100);
  client.within((connection) => {
    connection.write(new Uint8Array(1000));
    connection.end();
    connection.write(new Uint8Array(7));
    connection.end();
  });
  scheduler.runFor(100);
  assert.equal(server.received.length, 1000);
  assert.equal(client.closedBy.length, 1);
  assert.equal(server.closedBy.length, 1);
  assert.equal(network.openEnds, 0);
});

test('network: destroy → both sides close once, later calls do nothing', () => {
  const { scheduler, client, server } = pair(5);
  client.within((connection) => {
    connection.write(new Uint8Array(1000));
    connection.destroy();
    connection.destroy();
    connection.write(new Uint8Array(1));
    connection.flush();
    connection.resume();
  });
  scheduler.runFor(100);
  assert.deepEqual([client.closedBy.length, server.closedBy.length, server.received.length], [1, 1, 0]);
});

test('network: the other process is killed → what it had sent arrives, then closed', () => {
  const { scheduler, client, server, a } = pair(6);
  client.within((connection) => {
    connection.write(new Uint8Array(300));
    connection.flush();
    connection.write(new Uint8Array(300));
  });
  a.kill();
  scheduler.runFor(100);
  assert.equal(server.received.length, 300);
  assert.equal(server.closedBy.length, 1);
  assert.equal(client.closedBy.length, 0);
});

test('network: the other machine loses power → silence; a reset when it is back, or closed after the silence', () => {
  for (const isBack of [true, false]) {
    const { scheduler, network, client, server, a } = pair(7);
    client.within((connection) => {
      connection.write(new Uint8Array(300));
      connection.flush();
    });
    network.powerLost(a, 5000);
    a.kill();
    scheduler.runFor(1000);
    assert.equal(server.received.length, 0);
    assert.equal(server.closedBy.length, 0);
    if (isBack) network.attach(scheduler.forNode('a'));
    scheduler.runFor(isBack ? 10 : 4100);
    assert.equal(server.closedBy.length, 1);
  }
});

test('network: one direction cut → that direction waits and arrives in order after healing, the other works', () => {
  const { scheduler, network, client, server } = pair(8);
  network.cutOneWay('a', 'b');
  for (let i = 0; i < 5; i++) {
    client.within((connection) => connection.write(range(i * 4, 4)));
    server.within((connection) => connection.write(range(i * 4, 4)));
    scheduler.runFor(10);
  }
  assert.deepEqual(client.received, [...range(0, 20)]);
  assert.equal(server.received.length, 0);
  network.heal('a', 'b');
  scheduler.runFor(10);
  assert.deepEqual(server.received, [...range(0, 20)]);
});

test('network: cut with reset → both sides closed, a new connection fails in time, works after healing', () => {
  const { scheduler, network, networkOfA, client, server } = pair(9);
  network.cut('a', 'b', 'reset');
  scheduler.runFor(10);
  assert.deepEqual([client.closedBy.length, server.closedBy.length], [1, 1]);
  const second = new End();
  networkOfA.connect(ADDRESS, second);
  scheduler.runFor(2100);
  assert.deepEqual(second.closedBy, ['connection attempt timed out']);
  network.heal('a', 'b');
  const third = new End();
  networkOfA.connect(ADDRESS, third);
  scheduler.runFor(100);
  assert.ok(third.connection);
  assert.deepEqual(third.closedBy, []);
});

test('network: reset on the way → a prefix arrives, sometimes a part of a write, then closed on both sides', () => {
  const lengths = new Set<number>();
  for (let seed = 1; seed <= 40; seed++) {
    const { scheduler, network, client, server } = pair(seed, { chunkChance: 0, latencyMs: 1, jitterMs: 0 });
    for (let i = 0; i < 4; i++) {
      client.within((connection) => connection.write(range(i * 10, 10)));
      scheduler.runFor(0.25);
    }
    assert.equal(network.resetConnections('a', 'b'), 2);
    scheduler.runFor(100);
    assert.deepEqual(server.received, [...range(0, server.received.length)], `seed ${seed}`);
    assert.deepEqual([client.closedBy.length, server.closedBy.length], [1, 1]);
    lengths.add(server.received.length % 10);
  }
  assert.ok(lengths.size > 3, `cut at ${[...lengths].join(' ')}`);
});

test('network: nobody listens, a taken address, a cancelled attempt → refused, addressInUse, silence', () => {
  const { scheduler, networkOfA, network } = pair(10);
  const refused = new End();
  networkOfA.connect({ host: 'b', port: 1 }, refused);
  const cancelled = new End();
  networkOfA.connect(ADDRESS, cancelled).cancel();
  let failure: QuorateError | null = null;
  network.attach(scheduler.forNode('c')).listen(
    ADDRESS,
    () => new End(),
    (error) => {
      failure = error;
    },
  );
  scheduler.runFor(3000);
  assert.deepEqual(refused.closedBy, ['connection refused']);
  assert.equal((failure as QuorateError | null)?.code, 'addressInUse');
  assert.deepEqual([cancelled.connection, cancelled.closedBy], [undefined, []]);
});

test('network: a writer changes bytes after write → found on arrival', () => {
  const { scheduler, client } = pair(11);
  const bytes = new Uint8Array(100);
  client.within((connection) => connection.write(bytes));
  bytes[50] = 1;
  assert.throws(() => scheduler.runFor(10), /a changed bytes after it wrote them/);
});

test('network: bytes kept after data returned → rubbish', () => {
  const scheduler = new SimScheduler();
  const network = new SimNetwork({ scheduler, random: new SeededRandom(1) });
  let kept: Uint8Array | undefined;
  network.attach(scheduler.forNode('b')).listen(
    ADDRESS,
    () => ({
      data: (bytes) => {
        kept = bytes;
      },
      drain: () => {},
      closed: () => {},
    }),
    () => {},
  );
  const client = new End();
  network.attach(scheduler.forNode('a')).connect(ADDRESS, client);
  scheduler.runFor(10);
  client.within((connection) => connection.write(Uint8Array.of(1, 2, 3)));
  scheduler.runFor(10);
  assert.deepEqual([...(kept as Uint8Array)], Array(kept?.length).fill(0xdb));
});

test('network: a narrow link → a megabyte takes as long as its bandwidth says', () => {
  const { scheduler, client, server } = pair(12, { bytesPerMs: 1000, latencyMs: 1, jitterMs: 0 }, 1_000_000);
  const startMs = scheduler.nowMs;
  client.within((connection) => connection.write(new Uint8Array(1_000_000)));
  scheduler.runUntil(() => server.received.length === 1_000_000, { withinMs: 5000, what: 'all bytes' });
  assert.ok(Math.abs(scheduler.nowMs - startMs - 1001) < 2, `${scheduler.nowMs - startMs}`);
});

test('network: same seed → same trace; another seed → another', () => {
  const run = (seed: number): string => {
    const { scheduler, client } = pair(seed);
    for (let i = 0; i < 20; i++) {
      client.within((connection) => connection.write(range(i, 5)));
      scheduler.runFor(1);
    }
    return scheduler.traceHash;
  };
  assert.equal(run(5), run(5));
  assert.notEqual(run(5), run(6));
});
