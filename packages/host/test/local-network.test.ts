import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Address, type Connection, type ConnectionHandlers, type Network, utf8 } from '@quorate/base';
import { LocalNetwork } from '@quorate/host';
import { SimScheduler } from '@quorate/testkit';

const HERE: Address = { host: '127.0.0.1', port: 7400 };
const ALIAS: Address = { host: '10.0.0.1', port: 7400 };

/** One end that keeps what it is told. */
class End implements ConnectionHandlers {
  connection: Connection | null = null;
  readonly received: string[] = [];
  drains = 0;
  reasons: string[] = [];
  onData: () => void = () => {};

  opened(connection: Connection): void {
    this.connection = connection;
  }
  data(bytes: Uint8Array): void {
    this.received.push(new TextDecoder().decode(bytes));
    this.onData();
  }
  drain(): void {
    this.drains++;
  }
  closed(reason: string): void {
    this.reasons.push(reason);
  }
  get open(): Connection {
    assert.ok(this.connection !== null, 'connected');
    return this.connection;
  }
  write(text: string): void {
    this.open.write(utf8(text));
  }
}

function rig(): {
  scheduler: SimScheduler;
  network: LocalNetwork;
  dial(address?: Address): { here: End; there: End };
  outside: string[];
  stop(): void;
} {
  const scheduler = new SimScheduler();
  const { timers } = scheduler.forNode('process');
  const outside: string[] = [];
  const inner: Network = {
    listen: (address, _accept, done) => timers.defer(() => done(null, { address, close: () => outside.push('closed') })),
    connect: (address) => {
      outside.push(`${address.host}:${address.port}`);
      return { cancel: () => {} };
    },
  };
  const network = new LocalNetwork(inner, timers);
  let accepted = new End();
  let stop = (): void => {};
  network.listen(
    HERE,
    (connection) => {
      accepted.opened(connection);
      return accepted;
    },
    (error, listener) => {
      assert.equal(error, null);
      stop = () => listener?.close();
    },
  );
  scheduler.runFor(1);
  const dial = (address = HERE): { here: End; there: End } => {
    const here = new End();
    const there = new End();
    accepted = there;
    network.connect(address, here);
    assert.equal(here.connection, null, 'never within the call');
    scheduler.runFor(1);
    return { here, there };
  };
  return { scheduler, network, dial, outside, stop: () => stop() };
}

test('local network: an address that is listened on here, or its alias → stays within the process; any other → the network', () => {
  const { network, dial, outside, stop } = rig();
  assert.ok(dial().here.connection !== null);
  network.connect(ALIAS, new End());
  network.alias(ALIAS, HERE);
  assert.ok(dial(ALIAS).here.connection !== null);
  stop();
  network.connect(HERE, new End());
  network.connect(ALIAS, new End());
  assert.deepEqual(outside, ['10.0.0.1:7400', 'closed', '127.0.0.1:7400', '10.0.0.1:7400']);
});

test('local network: bytes both ways → in order, in a later turn, and a drain once all was taken', () => {
  const { scheduler, dial } = rig();
  const { here, there } = dial();
  there.onData = () => there.write(`got ${there.received.at(-1)}`);
  here.write('a');
  here.write('b');
  assert.equal(here.open.queuedBytes, 2);
  assert.deepEqual(there.received, []);
  scheduler.runFor(1);
  assert.deepEqual(there.received, ['a', 'b']);
  assert.deepEqual(here.received, ['got a', 'got b']);
  assert.deepEqual([here.open.queuedBytes, here.drains, there.drains], [0, 1, 1]);
});

test('local network: the receiver pauses, also in the middle → what is written waits and counts as queued, then goes on in order', () => {
  const { scheduler, dial } = rig();
  const { here, there } = dial();
  there.onData = () => there.open.pause();
  for (const text of ['a', 'b', 'c']) here.write(text);
  scheduler.runFor(1);
  assert.deepEqual([there.received, here.open.queuedBytes, here.drains], [['a'], 2, 0]);
  here.write('d');
  there.onData = () => {};
  there.open.resume();
  scheduler.runFor(1);
  assert.deepEqual([there.received, here.open.queuedBytes, here.drains], [['a', 'b', 'c', 'd'], 0, 1]);
});

test('local network: ended → what was written arrives first, both ends are told once; nothing follows', () => {
  const { scheduler, dial } = rig();
  const { here, there } = dial();
  here.write('last');
  here.open.end();
  here.write('too late');
  scheduler.runFor(1);
  there.write('nobody reads this');
  there.open.destroy();
  scheduler.runFor(1);
  assert.deepEqual(there.received, ['last']);
  assert.deepEqual(here.received, []);
  assert.deepEqual([here.reasons, there.reasons], [['closed on this side'], ['closed by the other side']]);
});

test('local network: destroyed with bytes on their way, or within `data` → they are gone, both ends are told once', () => {
  const { scheduler, dial } = rig();
  const first = dial();
  first.here.write('a');
  first.here.open.destroy();
  scheduler.runFor(1);
  assert.deepEqual([first.there.received, first.here.reasons.length, first.there.reasons.length], [[], 1, 1]);
  const second = dial();
  second.there.onData = () => second.there.open.destroy();
  second.here.write('a');
  second.here.write('b');
  scheduler.runFor(1);
  assert.deepEqual(
    [second.there.received, second.here.reasons, second.there.reasons],
    [['a'], ['closed by the other side'], ['closed on this side']],
  );
});

test('local network: dialing is cancelled before it is done → nothing is told', () => {
  const { scheduler, network } = rig();
  const end = new End();
  network.connect(HERE, end).cancel();
  scheduler.runFor(1);
  assert.deepEqual([end.connection, end.reasons], [null, []]);
});
