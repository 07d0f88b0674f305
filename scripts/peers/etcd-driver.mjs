// Load on etcd over gRPC: `openDriver` as `@quorate/cli/bench` wants it. Each connection is to one of the addresses, in turn.
// etcd has no streams: an append is a put of a new key.
import { randomUUID } from 'node:crypto';
import { fill } from '@quorate/cli/bench';
import { GrpcConnection } from './grpc-connection.mjs';
import { bytesField, readFields } from './protobuf.mjs';

const PUT = '/etcdserverpb.KV/Put';
/** Linearizable unless asked otherwise. */
const RANGE = '/etcdserverpb.KV/Range';
/** Field of its answer: the entries. */
const KVS = 2;

export async function openDriver({ addresses, operation, connections, bytes, keys, isFirst }) {
  const open = Array.from({ length: connections }, (_, index) => new GrpcConnection(addresses[index % addresses.length]));
  const close = async () => {
    for (const connection of open) connection.close();
  };
  const value = bytesField(2, Buffer.alloc(bytes, 0x71));
  const keyOf = (turn) => bytesField(1, Buffer.from(`key-${turn % keys}`));
  const put = (turn, done) => open[turn % open.length].call(PUT, Buffer.concat([keyOf(turn), value]), (error) => done(error));
  // Keys that no other process or run uses.
  const prefix = `append-${randomUUID()}-`;
  const append = (turn, done) =>
    open[turn % open.length].call(PUT, Buffer.concat([bytesField(1, Buffer.from(`${prefix}${turn}`)), value]), (error) => done(error));
  const read = (turn, done) => open[turn % open.length].call(RANGE, keyOf(turn), (error) => done(error));
  try {
    await Promise.all(open.map((connection) => connection.open()));
    if (operation === 'read' && isFirst && !(await isFilled(open[0], keyOf(keys - 1)))) await fill(keys, put);
    return { call: { put, read, append }[operation], close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The last key is there once all are. */
function isFilled(connection, lastKey) {
  return new Promise((resolve, reject) => {
    connection.call(RANGE, lastKey, (error, answer) => (error === null ? resolve(readFields(answer).has(KVS)) : reject(new Error(error))));
  });
}
