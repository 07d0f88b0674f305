import assert from 'node:assert/strict';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { test } from 'node:test';
import { QuorateError, SeededRandom, utf8 } from '@quorate/base';
import { NodeNetwork, SharedReads } from '@quorate/platform-node';
import { Recorder, listen, pair, turns } from './loopback.js';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

function hasCode(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof QuorateError && error.code === code && pattern.test(error.message);
}

test('network: bytes of many sizes echoed → the same bytes in the same order', async () => {
  const { dialed, accepted, stop } = await pair();
  accepted.onData = (bytes) => accepted.connection?.write(bytes.slice());
  const random = new SeededRandom(1);
  const sent: Uint8Array[] = [];
  for (let i = 0; i < 300; i++) sent.push(new Uint8Array(random.nextUint32() % (i % 50 === 0 ? 500_000 : 2000)).fill(i));
  for (const bytes of sent) dialed.call((connection) => connection.write(bytes));
  const all = Buffer.concat(sent);
  await dialed.until(() => dialed.bytes >= all.length);
  assert.ok(Buffer.concat(dialed.chunks).equals(all));
  assert.ok(!dialed.log.some((event) => event.includes('within')));
  stop();
});

test('network: several accepted connections send → each reads its own bytes, all into the same memory', async () => {
  const network = new NodeNetwork();
  const memories = new Set<ArrayBufferLike>();
  const readers: Recorder[] = [];
  const listener = await listen(network, LOOPBACK, (connection) => {
    const reader = new Recorder();
    reader.connection = connection;
    reader.onData = (bytes) => memories.add(bytes.buffer);
    readers.push(reader);
    return reader;
  });
  const dialed = Array.from({ length: 3 }, () => createConnection(listener.address.port, listener.address.host));
  for (const [at, socket] of dialed.entries()) for (let i = 0; i < 20; i++) socket.write(`${at}`.repeat(10_000));
  for (const socket of dialed) socket.end();
  while (readers.length < 3 || !readers.every((reader) => reader.log.some((event) => event.startsWith('closed')))) await turns(1);
  assert.deepEqual(
    readers.map((reader) => reader.text).sort(),
    ['0', '1', '2'].map((digit) => digit.repeat(200_000)),
  );
  assert.equal(memories.size, 1);
  listener.close();
});

test('network: a socket that cannot be given a buffer → read all the same', async () => {
  const text = await new Promise<string>((resolve) => {
    const server = createServer({ pauseOnConnect: true }, (accepted) => {
      Object.assign((accepted as unknown as { _handle: object })._handle, { useUserBuffer: undefined });
      let read = '';
      const socket = new SharedReads(16).into(accepted, (bytes) => (read += Buffer.from(bytes).toString()));
      assert.equal(socket, accepted);
      socket.on('close', () => server.close(() => resolve(read)));
    });
    server.listen(0, '127.0.0.1', () =>
      createConnection((server.address() as AddressInfo).port, '127.0.0.1').end('more than sixteen bytes'),
    );
  });
  assert.equal(text, 'more than sixteen bytes');
});

test('network: writes without flush → sent at the end of the turn, together', async () => {
  const { dialed, accepted, stop } = await pair();
  for (const text of ['a', 'b', 'c']) dialed.call((connection) => connection.write(utf8(text)));
  assert.equal(dialed.connection?.queuedBytes, 3);
  await accepted.until(() => accepted.bytes === 3);
  assert.equal(accepted.chunks.length, 1);
  stop();
});

test('network: flush → the system has the bytes before the call returns, order kept, drain told later', async () => {
  const { dialed, accepted, stop } = await pair();
  dialed.call((connection) => {
    connection.write(utf8('one '));
    connection.write(utf8('two '));
    connection.flush();
    assert.equal(connection.queuedBytes, 0);
    connection.write(utf8('three'));
    assert.equal(connection.queuedBytes, 5);
  });
  await accepted.until(() => accepted.bytes === 13);
  assert.equal(accepted.text, 'one two three');
  await dialed.event('drain');
  assert.ok(!dialed.log.some((event) => event.includes('within')));
  stop();
});

test('network: a paused reader → queuedBytes of the writer grows and stays; after resume all arrives, drain once the queue is empty', async () => {
  const { dialed, accepted, stop } = await pair();
  accepted.call((connection) => connection.pause());
  const piece = new Uint8Array(1_000_000).fill(7);
  const writer = dialed.connection;
  assert.ok(writer !== null);
  for (let i = 0; i < 40; i++) {
    writer.write(piece);
    writer.flush();
  }
  await turns(20);
  assert.ok(writer.queuedBytes > 10_000_000, `${writer.queuedBytes} bytes are queued`);
  assert.ok(accepted.bytes < 1_000_000, `${accepted.bytes} bytes were read though paused`);
  assert.ok(!dialed.log.includes('drain'));
  accepted.call((connection) => connection.resume());
  await accepted.until(() => accepted.bytes === 40_000_000);
  await dialed.event('drain');
  assert.equal(writer.queuedBytes, 0);
  stop();
});

test('network: a paused dialed connection → no data until resume', async () => {
  const { dialed, accepted, stop } = await pair();
  dialed.call((connection) => connection.pause());
  accepted.call((connection) => {
    connection.write(utf8('late'));
    connection.flush();
  });
  await turns(20);
  assert.equal(dialed.bytes, 0);
  dialed.call((connection) => connection.resume());
  await dialed.until(() => dialed.bytes === 4);
  stop();
});

test('network: end → what is queued arrives, then both sides are told closed, once', async () => {
  const { dialed, accepted } = await pair();
  dialed.call((connection) => {
    connection.write(new Uint8Array(3_000_000).fill(1));
    connection.end();
    connection.write(utf8('too late'));
    connection.end();
  });
  await accepted.event('closed');
  await dialed.event('closed');
  assert.equal(accepted.bytes, 3_000_000);
  assert.deepEqual(
    accepted.log.filter((event) => event.startsWith('closed')),
    ['closed: closed by the other side'],
  );
  assert.deepEqual(
    dialed.log.filter((event) => event.startsWith('closed')),
    ['closed: closed on this side'],
  );
});

test('network: end with unread bytes coming in → what was sent last still arrives', async () => {
  const { dialed, accepted } = await pair();
  dialed.call((connection) => connection.pause());
  accepted.call((connection) => {
    connection.write(new Uint8Array(100_000));
    connection.flush();
  });
  await turns(5);
  dialed.call((connection) => {
    connection.write(utf8('goodbye'));
    connection.end();
  });
  await accepted.event('closed');
  assert.equal(accepted.text, 'goodbye');
  assert.equal(accepted.log.at(-1), 'closed: closed by the other side');
  await dialed.event('closed');
  assert.equal(dialed.bytes, 0, 'no data after end');
});

test('network: destroy → closed in a later turn, no data, drain or second closed after it; calls are harmless', async () => {
  const { dialed, accepted } = await pair();
  accepted.call((connection) => {
    connection.write(new Uint8Array(100_000));
    connection.flush();
  });
  await dialed.event('data');
  const before = dialed.log.length;
  dialed.call((connection) => {
    connection.write(utf8('x'));
    connection.destroy();
    connection.destroy();
    connection.write(utf8('y'));
    connection.flush();
    connection.pause();
    connection.resume();
    connection.end();
  });
  await dialed.event('closed');
  await accepted.event('closed');
  await turns(10);
  assert.deepEqual(dialed.log.slice(before), ['closed: closed on this side']);
  assert.equal(dialed.connection?.queuedBytes, 0);
});

test('network: the other side resets → closed with the reason, no unhandled error', async () => {
  const accepted = new Recorder();
  const listener = await listen(new NodeNetwork(), LOOPBACK, (connection) => {
    accepted.opened(connection);
    return accepted;
  });
  const socket = createConnection(listener.address.port, '127.0.0.1', () => socket.resetAndDestroy());
  socket.on('error', () => {});
  await accepted.event('closed');
  assert.equal(accepted.log.at(-1), 'closed: reset by the other side');
  listener.close();
});

test('network: a half-open client (it ends its side and reads on) → gets what was queued, then the connection ends', async () => {
  const accepted = new Recorder();
  const listener = await listen(new NodeNetwork(), LOOPBACK, (connection) => {
    accepted.opened(connection);
    return accepted;
  });
  accepted.onData = () => accepted.connection?.write(new Uint8Array(2_000_000));
  const socket = createConnection({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true });
  let got = 0;
  const ended = new Promise<void>((resolve) => socket.on('end', resolve));
  socket.on('data', (bytes) => (got += bytes.length));
  socket.end('ask');
  await ended;
  await accepted.event('closed');
  assert.equal(got, 2_000_000);
  listener.close();
});

test('network: nobody listens → closed with connection refused; cancel → closed once', async () => {
  const network = new NodeNetwork();
  const listener = await listen(network, LOOPBACK, () => new Recorder());
  const { address } = listener;
  listener.close();
  const refused = new Recorder();
  network.connect(address, refused);
  await refused.event('closed');
  assert.deepEqual(refused.log, ['closed: connection refused']);
  const cancelled = new Recorder();
  const attempt = network.connect({ host: '192.0.2.1', port: 9 }, cancelled);
  attempt.cancel();
  attempt.cancel();
  assert.deepEqual(cancelled.log, []);
  await cancelled.event('closed');
  await turns(5);
  assert.deepEqual(cancelled.log, ['closed: closed on this side']);
});

test('network: an impossible port to connect to → closed, not thrown', async () => {
  const recorder = new Recorder();
  new NodeNetwork().connect({ host: '127.0.0.1', port: 70_000 }, recorder);
  assert.deepEqual(recorder.log, []);
  await recorder.event('closed');
  assert.match(recorder.log[0] ?? '', /70000/);
});

test('network: port in use → addressInUse that names the address', async () => {
  const network = new NodeNetwork();
  const listener = await listen(network, LOOPBACK, () => new Recorder());
  await assert.rejects(
    listen(network, listener.address, () => new Recorder()),
    hasCode('addressInUse', new RegExp(`127.0.0.1:${listener.address.port} is in use`)),
  );
  listener.close();
});

test('network: address of another machine, unknown host, port out of range → addressInvalid that says which', async () => {
  const network = new NodeNetwork();
  await assert.rejects(
    listen(network, { host: '192.0.2.1', port: 0 }, () => new Recorder()),
    hasCode('addressInvalid', /192\.0\.2\.1:0: it is not an address of this machine/),
  );
  await assert.rejects(
    listen(network, { host: 'no-such-host.invalid', port: 0 }, () => new Recorder()),
    hasCode('addressInvalid', /no-such-host\.invalid:0: it has a host name/),
  );
  await assert.rejects(
    listen(network, { host: '127.0.0.1', port: 70_000 }, () => new Recorder()),
    hasCode('addressInvalid', /127\.0\.0\.1:70000/),
  );
});

test('network: localhost, whatever the system makes of that name → listens on 127.0.0.1, is reached there and on ::1', async (t) => {
  const network = new NodeNetwork();
  const accepted = new Recorder();
  const listener = await listen(network, { host: 'localhost', port: 0 }, (connection) => {
    accepted.opened(connection);
    return accepted;
  });
  const { port } = listener.address;
  assert.deepEqual(listener.address, { host: 'localhost', port });
  const refused = new Recorder();
  await assert.rejects(
    listen(network, { host: '127.0.0.1', port }, () => new Recorder()),
    hasCode('addressInUse', /127\.0\.0\.1/),
  );
  for (const host of ['localhost', 'LocalHost', '127.0.0.1']) {
    const dialed = new Recorder();
    network.connect({ host, port }, dialed);
    await dialed.event('opened');
    dialed.call((connection) => connection.write(utf8('x')));
    dialed.call((connection) => connection.end());
    await dialed.event('closed');
  }
  await accepted.until(() => accepted.text === 'xxx');
  listener.close();
  await turns(5);
  network.connect({ host: 'localhost', port }, refused);
  await refused.event('closed');
  assert.match(refused.log[0] ?? '', /^closed: connection refused$/);

  const six = await listen(network, { host: '::1', port: 0 }, (connection) => {
    connection.write(utf8('six'));
    return new Recorder();
  }).catch((error: QuorateError) => t.diagnostic(`no IPv6 here: ${error.message}`));
  if (six === undefined) return;
  const dialed = new Recorder();
  network.connect({ host: 'localhost', port: six.address.port }, dialed);
  await dialed.until(() => dialed.text === 'six');
  dialed.call((connection) => connection.destroy());
  six.close();
});

test('network: a listener that is closed → takes no more connections, keeps the open ones, frees the port', async () => {
  const { dialed, accepted, stop } = await pair();
  dialed.call((connection) => connection.write(utf8('still here')));
  await accepted.until(() => accepted.bytes === 10);
  stop();
});

test('T80: a client that speaks another protocol or random bytes → handed on as they are, the listener lives', async () => {
  const network = new NodeNetwork();
  const recorders: Recorder[] = [];
  const listener = await listen(network, LOOPBACK, (connection) => {
    const recorder = new Recorder();
    recorder.opened(connection);
    recorder.onData = () => connection.destroy();
    recorders.push(recorder);
    return recorder;
  });
  for (const bytes of ['GET / HTTP/1.1\r\n\r\n', Buffer.from([0x16, 3, 1, 0, 5]), Buffer.alloc(500_000, 0xff)]) {
    await new Promise<void>((resolve) => {
      const socket = createConnection(listener.address.port, '127.0.0.1', () => socket.write(bytes));
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
  }
  assert.equal(recorders.length, 3);
  for (const recorder of recorders) {
    await recorder.event('closed');
    assert.equal(recorder.log.filter((event) => event.startsWith('data')).length, 1, 'no data after destroy');
  }
  listener.close();
});
