// Load on ZooKeeper in its own protocol: `openDriver` as `@quorate/cli/bench` wants it. Each connection is to one of the addresses, in turn.
// A put is `setData` of an entry that exists; a read is `sync`, then `getData`, which is as near to linearizable as ZooKeeper has it;
// an append creates a sequential entry.
import { fill } from '@quorate/cli/bench';
import { ZookeeperConnection } from './zookeeper-connection.mjs';

const FOLDER = '/bench';

export async function openDriver({ addresses, operation, connections, bytes, keys, isFirst }) {
  const open = Array.from({ length: connections }, (_, index) => new ZookeeperConnection(addresses[index % addresses.length]));
  const close = async () => {
    for (const connection of open) connection.close();
  };
  const value = Buffer.alloc(bytes, 0x71);
  const folder = `${FOLDER}-${bytes}-${keys}`;
  const pathOf = (turn) => `${folder}/key-${turn % keys}`;
  try {
    await Promise.all(open.map((connection) => connection.open()));
    if (isFirst) {
      await new Promise((resolve, reject) => {
        open[0].create(folder, value, (error) => (error === null ? resolve() : reject(new Error(`cannot create ${folder}: ${error}`))));
      });
      // The last key is there once all are.
      const isFilled = await new Promise((resolve) => open[0].syncedGet(pathOf(keys - 1), (error) => resolve(error === null)));
      // One connection only: what another server has not seen yet would be missing there.
      if (!isFilled) await fill(keys, (turn, done) => open[0].create(pathOf(turn), value, done));
    }
    // Answered once all that was written before is seen by each of these servers.
    await Promise.all(open.map((connection) => new Promise((resolve) => connection.syncedGet(folder, resolve))));
    const put = (turn, done) => open[turn % open.length].setData(pathOf(turn), value, done);
    const append = (turn, done) => open[turn % open.length].createNext(`${folder}/record-`, value, done);
    const read = (turn, done) => open[turn % open.length].syncedGet(pathOf(turn), done);
    return { call: { put, read, append }[operation], close };
  } catch (error) {
    await close();
    throw error;
  }
}
