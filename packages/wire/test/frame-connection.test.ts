import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, SeededRandom, nodeId, readU32, utf8 } from '@quorate/base';
import type { AcceptedReply, FrameConnection, HelloReply } from '@quorate/wire';
import { CLIENT_HELLO, CLIENT_REPLY, Recorder, SELF, TestServer, firstFrames, withPair, withServer } from './loopback.js';
import { someBytes } from './samples.js';

test('frame connection: hello and reply, then frames both ways in order → all arrive, closing is told once to both', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    const connection = server.dial(client);
    assert.equal(connection.send(40, [utf8('too early')]), false);
    assert.deepEqual(await client.opened.promise, CLIENT_REPLY);
    assert.deepEqual(server.hellos, [{ role: 'client', clusterId: null }]);
    const atServer = server.recorders[0] as Recorder;
    atServer.onFrame = (type, body) => (server.connections[0] as FrameConnection).send(type + 1, [body]);
    const random = new SeededRandom(3);
    const sent = Array.from({ length: 60 }, (_, i) => (i % 20 === 0 ? new Uint8Array(2_000_000).fill(i) : someBytes(random, 3000)));
    for (const body of sent) assert.equal(connection.send(40, [body]), true);
    await client.received(sent.length);
    assert.deepEqual(
      client.frames.map(({ body }) => body),
      sent,
    );
    assert.ok(client.frames.every(({ type }) => type === 41));
    connection.close();
    assert.equal((await client.ended.promise).code, 'closed');
    assert.equal((await atServer.ended.promise).code, 'connectionLost');
    assert.equal(client.closedCount + atServer.closedCount, 2);
    assert.equal(connection.send(40, [utf8('late')]), false);
  });
});

test('frame connection: flush → bytes are with the system before the call returns; without it they go at the end of the turn', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    const connection = server.dial(client);
    await client.opened.promise;
    connection.send(40, [utf8('a')]);
    assert.equal(connection.queuedBytes, 6);
    connection.flush();
    assert.equal(connection.queuedBytes, 0);
    connection.send(41, [utf8('b')]);
    await (server.recorders[0] as Recorder).received(2);
  });
});

test('frame connection: the answer is a refusal → closed with its code and details, nothing opened', async () => {
  const server = new TestServer();
  const refused: HelloReply = { status: 'refused', code: 'clusterMismatch', message: 'other cluster', details: { mine: 'aa' } };
  await withServer(server, { hello: () => ({ reply: refused }) }, async () => {
    const client = new Recorder();
    server.dial(client);
    const error = await client.ended.promise;
    assert.equal(error.code, 'clusterMismatch');
    assert.deepEqual(error.details, { mine: 'aa' });
    assert.equal(client.closedCount, 1);
  });
});

test('frame connection: nobody listens → closed with unavailable, retry safe', async () => {
  const server = await new TestServer().start();
  const { address } = server;
  server.stop();
  const client = new Recorder();
  server.dial(client, { address });
  const error = await client.ended.promise;
  assert.equal(error.code, 'unavailable');
  assert.match(error.message, new RegExp(`127.0.0.1:${address.port}: no connection \\(connection refused\\)`));
});

test('frame connection: destroyed while dialing → closed once, in a later turn', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    const connection = server.dial(client);
    connection.destroy();
    assert.equal(client.closedCount, 0);
    assert.equal((await client.ended.promise).code, 'closed');
  });
});

test('frame connection: a hello with too many members → closed with frameTooLarge, not thrown', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const members = Array.from({ length: 1000 }, (_, i) => ({
      nodeId: nodeId(i + 1),
      address: `host-${i}.example:7400`,
      incarnation: null,
    }));
    const client = new Recorder();
    server.dial(client, {
      hello: () => ({
        role: 'peer',
        nodeId: SELF,
        incarnation: '0011223344556677' as never,
        clusterId: null,
        members,
        durableSequence: 0,
        seenSequence: 0,
        seenIncarnation: null,
      }),
    });
    assert.equal((await client.ended.promise).code, 'frameTooLarge');
  });
});

test('frame connection: goodbye with an error → the other side learns code and message after all frames before it', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    server.dial(client);
    await client.opened.promise;
    const atServer = server.connections[0] as FrameConnection;
    atServer.send(70, [utf8('last answer')]);
    atServer.close(new QuorateError('shuttingDown', 'node 1 stops'));
    const error = await client.ended.promise;
    assert.equal(error.code, 'shuttingDown');
    assert.equal(error.message, 'node 1 stops');
    assert.equal(client.frames.length, 1);
  });
});

test('frame connection: pause and resume by the owner → frames wait, then come', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    const connection = server.dial(client);
    await client.opened.promise;
    const atServer = server.connections[0] as FrameConnection;
    atServer.pause();
    connection.send(40, [utf8('x')]);
    connection.flush();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(server.recorders[0]?.frames.length, 0);
    atServer.resume();
    await server.recorders[0]?.received(1);
  });
});

test('frame connection: megabytes wait for a connection → each turn of the loop takes a part of them, all come, and a pause within still holds', async () => {
  await withPair({}, async ({ dialed: connection, accepted: atServer, recorder }) => {
    atServer.pause();
    const body = new Uint8Array(50_000);
    for (let i = 0; i < 120; i++) connection.send(40, [body]);
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
    let inTurn = 0;
    let most = 0;
    const counted = (): void => {
      if (inTurn === 0) setImmediate(() => (inTurn = 0));
      most = Math.max(most, (inTurn += body.length));
    };
    recorder.onFrame = () => {
      counted();
      if (recorder.frames.length % 5 === 0) atServer.pause();
    };
    for (let count = 5; count <= 60; count += 5) {
      atServer.resume();
      await recorder.received(count);
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(recorder.frames.length, count);
    }
    recorder.onFrame = counted;
    atServer.resume();
    await recorder.received(120);
    assert.ok(most <= 400_000, `${most} bytes in one turn`);
  });
});

test('frame connection: the raw bytes of a reply → preface, then one frame as documented', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const { socket, all } = server.raw(firstFrames(CLIENT_HELLO));
    const atServer = await server.admitted.promise;
    atServer.close();
    const bytes = await all;
    assert.equal(bytes.subarray(0, 8).toString('latin1'), 'QUORATE\u0001');
    // Length, type 2, status 0 (client), node id 1, no cluster id, no members.
    assert.equal(readU32(bytes, 8), 7);
    assert.deepEqual([...bytes.subarray(12)], [2, 0, 1, 0, 0, 0, 0]);
    socket.destroy();
  });
});

test('frame connection: paused while it is dialed → the handshake is done, frames wait until resume', async () => {
  const server = new TestServer();
  await withServer(server, {}, async () => {
    const client = new Recorder();
    const connection = server.dial(client, { handshakeTimeoutMs: 1000 });
    connection.pause();
    await Promise.race([client.opened.promise, client.ended.promise.then((error) => assert.fail(error.message))]);
    const atServer = server.connections[0] as FrameConnection;
    atServer.send(70, [utf8('x')]);
    atServer.flush();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(client.frames.length, 0);
    connection.resume();
    await client.received(1);
  });
});

test('frame connection: resumed and paused again in one turn, with frames received before → none until the last resume, then all in order', async () => {
  await withPair({}, async ({ dialed: connection, accepted: atServer, recorder }) => {
    recorder.onFrame = () => {
      if (recorder.frames.length === 2) atServer.pause();
    };
    for (let i = 0; i < 6; i++) connection.send(40 + i, [utf8('x')]);
    connection.flush();
    await recorder.received(2);
    atServer.resume();
    atServer.pause();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(recorder.frames.length, 2);
    recorder.onFrame = () => {};
    atServer.resume();
    await recorder.received(6);
    assert.deepEqual(
      recorder.frames.map(({ type }) => type),
      [40, 41, 42, 43, 44, 45],
    );
  });
});

test('frame connection: admitted with a reply that no frame holds → both owners are told frameTooLarge, once', async () => {
  const server = new TestServer();
  const recorder = new Recorder();
  const members = Array.from({ length: 1000 }, (_, i) => ({ nodeId: nodeId(i + 1), address: `host-${i}.example:7400`, incarnation: null }));
  await withServer(server, { hello: () => ({ reply: { ...CLIENT_REPLY, members } as AcceptedReply, handlers: recorder }) }, async () => {
    const client = new Recorder();
    server.dial(client);
    assert.equal((await client.ended.promise).code, 'frameTooLarge');
    assert.equal((await recorder.ended.promise).code, 'frameTooLarge');
    assert.equal(recorder.closedCount, 1);
  });
});
