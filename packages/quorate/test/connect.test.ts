import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { Quorate } from 'quorate';
import { coded } from './harness/coded.js';

describe('Quorate.connect without a cluster', () => {
  test('connect: nobody listens → unavailable within the deadline, which names the address', async () => {
    const started = performance.now();
    await assert.rejects(Quorate.connect('127.0.0.1:1', { deadlineMs: 1500 }), coded('unavailable', 'safe', /127\.0\.0\.1:1/));
    assert.ok(performance.now() - started < 15_000);
  });

  test('connect: addresses that are none → addressInvalid or invalidArgument at once', async () => {
    for (const address of ['', 'localhost', 'a:0', 'a:65536', 'http://a:1', 'a:1,']) {
      await assert.rejects(Quorate.connect(address), coded('addressInvalid', 'never'), address);
    }
    await assert.rejects(Quorate.connect([]), coded('invalidArgument', 'never'));
    await assert.rejects(Quorate.connect(undefined as unknown as string), coded('invalidArgument', 'never'));
    await assert.rejects(Quorate.connect([7] as unknown as string[]), coded('invalidArgument', 'never'));
  });

  test('connect: options out of bounds → invalidArgument that names the option', async () => {
    for (const name of ['deadlineMs', 'stallMs', 'callsMax', 'appendBytesMax']) {
      for (const value of [0, -1, Number.NaN, '5']) {
        await assert.rejects(
          Quorate.connect('127.0.0.1:1', { [name]: value, ...(name === 'deadlineMs' ? {} : { deadlineMs: 50 }) }),
          coded('invalidArgument', 'never', new RegExp(name)),
        );
      }
    }
  });

  test('connect: something else listens → protocolMismatch', async () => {
    const http = createServer();
    await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
    const { port } = http.address() as AddressInfo;
    try {
      await assert.rejects(Quorate.connect(`127.0.0.1:${port}`, { deadlineMs: 20_000 }), coded('protocolMismatch', 'never'));
    } finally {
      http.closeAllConnections();
      http.close();
    }
  });
});
