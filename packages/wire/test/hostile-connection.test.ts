import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type Listener, QuorateError, SeededRandom, concatBytes, utf8, writeU32 } from '@quorate/base';
import { FRAME_TYPES, PREFACE_BYTES, type FrameConnection, encodeGoodbye, encodePreface, type HelloReply } from '@quorate/wire';
import { CLIENT_HELLO, Recorder, SELF, TestServer, firstFrames, payload, replyIn, signal, withServer } from './loopback.js';
import { someBytes } from './samples.js';

test('T80: a client that speaks HTTP → protocolMismatch here, a readable 400 there', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const { all } = server.raw('GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match((await all).toString(), /^HTTP\/1.1 400 Bad Request[^]*what looks like HTTP, not Quorate/);
    const error = await server.failed.promise;
    assert.equal(error.code, 'protocolMismatch');
    assert.match(error.message, /^127\.0\.0\.1:\d+: the other side speaks what looks like HTTP/);
  });
});

test('T80: a server that speaks another protocol → the dialing side says so at once', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const network = server.network;
    const listening = signal<Listener>();
    network.listen(
      { host: '127.0.0.1', port: 0 },
      (connection) => ({
        data: () => {
          connection.write(utf8('HTTP/1.1 400 Bad Request\r\n\r\n'));
          connection.end();
        },
        drain: () => {},
        closed: () => {},
      }),
      (_, listener) => listening.fire(listener as Listener),
    );
    const listener = await listening.promise;
    const client = new Recorder();
    server.dial(client, { address: listener.address });
    const error = await client.ended.promise;
    listener.close();
    assert.equal(error.code, 'protocolMismatch');
    assert.match(error.message, /HTTP/);
  });
});

test('T80: wrong preface version → refused with versionUnsupported and both versions', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const { all } = server.raw(encodePreface(2));
    const reply = replyIn(await all);
    assert.ok(reply.status === 'refused');
    assert.equal(reply.code, 'versionUnsupported');
    assert.deepEqual(reply.details, { version: 2, supported: 1 });
    assert.equal((await server.failed.promise).code, 'versionUnsupported');
  });
});

test('T80: a hello with a huge length, random bytes, a first frame that is no hello → refused with the reason, connection closed', async () => {
  const huge = new Uint8Array(4);
  writeU32(huge, 0, 0xffff_fff0);
  const noise = new Uint8Array(64).fill(0xa5);
  writeU32(noise, 0, 60);
  noise[4] = FRAME_TYPES.hello;
  const cases: readonly [Uint8Array, string, RegExp][] = [
    [concatBytes([encodePreface(), huge]), 'frameTooLarge', /4294967280 bytes is over the limit of 16384/],
    [concatBytes([encodePreface(), noise]), 'malformedFrame', /unknown role 165/],
    [firstFrames({ type: FRAME_TYPES.appendRequest, parts: [utf8('x')] }), 'malformedFrame', /must be a hello/],
  ];
  for (const [bytes, code, pattern] of cases) {
    const server = new TestServer();
    await withServer(server, {}, async () => {
      const reply = replyIn(await server.raw(bytes).all);
      assert.ok(reply.status === 'refused');
      assert.equal(reply.code, code);
      assert.match(reply.message, pattern);
      assert.equal((await server.failed.promise).code, code);
    });
  }
});

test('T80: noise from many raw clients → every one is closed, the server still serves', async () => {
  const server = new TestServer();
  await withServer(server, { handshakeTimeoutMs: 100 }, async () => {
    const random = new SeededRandom(5);
    const clients = Array.from({ length: 50 }, (_, i) => {
      const noise = someBytes(random, 400);
      return server.raw(i % 2 === 0 ? noise : concatBytes([encodePreface(), noise]));
    });
    await Promise.all(clients.map(({ all }) => all));
    const client = new Recorder();
    server.dial(client);
    await client.opened.promise;
  });
});

test('T80: a client that sends nothing, or half a hello → handshakeTimeout after the deadline', async () => {
  for (const bytes of [new Uint8Array(0), encodePreface(), firstFrames(CLIENT_HELLO).subarray(0, 11)]) {
    const server = new TestServer();
    await withServer(server, { handshakeTimeoutMs: 40 }, async () => {
      const { all } = server.raw(bytes);
      const reply = replyIn(await all);
      assert.ok(reply.status === 'refused');
      assert.equal(reply.code, 'handshakeTimeout');
      assert.match((await server.failed.promise).message, /within 40 ms/);
    });
  }
});

test('T80: a server that never answers the hello → the dialing side gives up with handshakeTimeout', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const silent = await new Promise<{ port: number; close(): void }>((resolve) =>
      server.network.listen(
        { host: '127.0.0.1', port: 0 },
        () => ({ data: () => {}, drain: () => {}, closed: () => {} }),
        (_, listener) => resolve({ port: listener?.address.port ?? 0, close: () => listener?.close() }),
      ),
    );
    const client = new Recorder();
    server.dial(client, { address: { host: '127.0.0.1', port: silent.port }, handshakeTimeoutMs: 40 });
    assert.equal((await client.ended.promise).code, 'handshakeTimeout');
    silent.close();
  });
});

test('T80: a malformed frame on an open connection → goodbye with the reason to the client, malformedFrame to the owner', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    const connection = server.dial(client);
    await client.opened.promise;
    const atServer = server.recorders[0] as Recorder;
    atServer.onFrame = () => {
      throw new QuorateError('malformedFrame', 'this is not a request', { at: 7 });
    };
    connection.send(40, [utf8('x')]);
    connection.send(40, [utf8('y')]);
    const error = await client.ended.promise;
    assert.equal(error.code, 'malformedFrame');
    assert.equal(error.message, 'this is not a request');
    assert.equal((await atServer.ended.promise).code, 'malformedFrame');
    assert.equal(atServer.frames.length, 1);
  });
});

test('T80: slow reader, a client that sends requests and never reads → its requests wait, memory stays within the high-water mark', async () => {
  const server = new TestServer();
  const pauseAboveBytes = 200_000;
  await withServer(server, { pauseAboveBytes, queueBytesMax: 10_000_000 }, async () => {
    const request = { type: 40, parts: [utf8('give')] };
    const { socket } = server.raw(firstFrames(CLIENT_HELLO));
    socket.pause();
    const atServer = await server.admitted.promise;
    const recorder = server.recorders[0] as Recorder;
    const answer = new Uint8Array(100_000);
    const stalled = signal<void>();
    let most = 0;
    recorder.onFrame = () => {
      assert.ok(atServer.send(70, [answer]));
      atServer.flush();
      most = Math.max(most, atServer.queuedBytes);
      if (atServer.queuedBytes > pauseAboveBytes) stalled.fire();
    };
    socket.write(firstFrames(...Array.from({ length: 2000 }, () => request)).subarray(PREFACE_BYTES));
    await stalled.promise;
    const before = recorder.frames.length;
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(recorder.frames.length, before, 'a request was read although nothing was sent');
    socket.resume();
    await recorder.received(2000);
    assert.ok(most <= pauseAboveBytes + answer.length + 5, `${most} bytes were queued`);
    socket.destroy();
    await recorder.ended.promise;
  });
});

test('T80: slow reader beyond the queue limit → cut with slowConsumer', async () => {
  const server = new TestServer();
  await withServer(server, { queueBytesMax: 8_000_000 }, async () => {
    const { socket, all } = server.raw(firstFrames(CLIENT_HELLO));
    socket.pause();
    const atServer = await server.admitted.promise;
    const recorder = server.recorders[0] as Recorder;
    await new Promise((resolve) => setImmediate(resolve));
    const answer = new Uint8Array(1_000_000);
    let sent = 0;
    while (atServer.send(70, [answer])) {
      atServer.flush();
      assert.ok(sent++ < 100, 'a client that does not read is never cut');
    }
    assert.equal(recorder.closedCount, 0, 'closed is not told from within a call');
    const error = await recorder.ended.promise;
    assert.equal(error.code, 'slowConsumer');
    assert.equal(error.details['max'], 8_000_000);
    socket.resume();
    await all;
  });
});

test('T80: a peer that does not read → frames are dropped at the limit, the connection stays', async () => {
  const server = new TestServer();
  const recorder = new Recorder();
  const opened = signal<FrameConnection>();
  const peerHello = {
    nodeId: SELF,
    incarnation: '0011223344556677' as never,
    clusterId: null,
    members: [],
    durableSequence: 0,
    seenSequence: 0,
    seenIncarnation: null,
  };
  await withServer(
    server,
    {
      queueBytesMax: 8_000_000,
      hello: (_, frames) => {
        opened.fire(frames);
        return { reply: { status: 'peer', ...peerHello }, handlers: recorder };
      },
    },
    async () => {
      const peer = new Recorder();
      const dialed = server.dial(peer, { hello: () => ({ role: 'peer', ...peerHello }) });
      await peer.opened.promise;
      dialed.pause();
      const atServer = await opened.promise;
      const message = payload(new Uint8Array(1_000_000));
      let sent = 0;
      while (atServer.send(message.type, message.parts)) {
        atServer.flush();
        assert.ok(sent++ < 100, 'no frame is ever dropped');
      }
      assert.ok(atServer.isOpen);
      assert.ok(atServer.queuedBytes <= 8_000_000);
      dialed.resume();
      await peer.received(sent);
      assert.equal(recorder.closedCount, 0);
      assert.ok(atServer.send(message.type, message.parts));
      await peer.received(sent + 1);
      dialed.destroy();
    },
  );
});

test('frame connection: closed with an error whose details fill more than a frame → code and message arrive, nothing is thrown', async () => {
  const details = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`detail${i}`, 'x'.repeat(1024)]));
  const error = new QuorateError('groupStopped', 'm'.repeat(5000), details);
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    server.dial(client);
    await client.opened.promise;
    (server.connections[0] as FrameConnection).close(error);
    const told = await client.ended.promise;
    assert.equal(told.code, 'groupStopped');
    assert.match(told.message, /^mmmm/);
  });
  const refusing = new TestServer();
  const reply: HelloReply = { status: 'refused', code: 'clusterMismatch', message: 'other cluster', details };
  await withServer(refusing, { hello: () => ({ reply }) }, async () => {
    const client = new Recorder();
    refusing.dial(client);
    assert.equal((await client.ended.promise).code, 'clusterMismatch');
  });
});

test('T80: a client that drips its hello byte by byte → handshakeTimeout at the deadline, whatever came', async () => {
  const server = new TestServer();
  await withServer(server, { handshakeTimeoutMs: 60 }, async () => {
    const { socket, all } = server.raw(new Uint8Array(0));
    const hello = firstFrames(CLIENT_HELLO);
    let at = 0;
    const drip = setInterval(() => socket.write(hello.subarray(at, ++at)), 10);
    try {
      const reply = replyIn(await all);
      assert.ok(reply.status === 'refused');
      assert.equal(reply.code, 'handshakeTimeout');
      assert.ok(at < hello.length, 'the hello was whole before the deadline');
    } finally {
      clearInterval(drip);
    }
  });
});

test('T80: a client half-closes its side in the middle of a frame → whole frames were handed out, the connection ends, once', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const request = { type: 40, parts: [utf8('whole')] };
    const bytes = firstFrames(CLIENT_HELLO, request, request);
    const { socket, all } = server.raw(new Uint8Array(0));
    socket.end(bytes.subarray(0, bytes.length - 3));
    await all;
    const [recorder] = server.recorders as [Recorder];
    assert.equal((await recorder.ended.promise).code, 'connectionLost');
    assert.equal(recorder.frames.length, 1);
    assert.equal(recorder.closedCount, 1);
  });
});

test('T80: frames behind a goodbye, also in the same read → not handed out; closed with the reason of the goodbye', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const goodbye = encodeGoodbye({ code: 'shuttingDown', message: 'I stop', details: {} });
    const request = { type: 40, parts: [utf8('x')] };
    const { all } = server.raw(firstFrames(CLIENT_HELLO, request, goodbye, request));
    await all;
    const [recorder] = server.recorders as [Recorder];
    assert.equal((await recorder.ended.promise).code, 'shuttingDown');
    assert.equal(recorder.frames.length, 1);
  });
});

test('T80: a client that was refused goes on sending → it is read and dropped, and cut at the deadline', async () => {
  const server = new TestServer();
  const refused: HelloReply = { status: 'refused', code: 'clusterMismatch', message: 'other cluster', details: {} };
  await withServer(server, { hello: () => ({ reply: refused }), handshakeTimeoutMs: 100 }, async () => {
    const socket = connect({ host: '127.0.0.1', port: server.address.port, allowHalfOpen: true });
    const gone = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => {});
    socket.resume();
    socket.write(firstFrames(CLIENT_HELLO));
    const chunk = new Uint8Array(65_536);
    const sending = setInterval(() => socket.write(chunk), 1);
    try {
      assert.equal((await server.failed.promise).code, 'clusterMismatch');
      await gone;
    } finally {
      clearInterval(sending);
    }
  });
});
