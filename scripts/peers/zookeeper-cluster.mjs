// ZooKeeper as Debian's package `zookeeper` has it, with its own defaults: each node syncs before it acknowledges (forceSync).
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePorts } from '../prove/free-ports.mjs';
import { MissingPeer, isInstalled } from './missing-peer.mjs';

const FOLDER = '/usr/share/java';
const JARS = ['zookeeper.jar', 'zookeeper-jute.jar'].map((name) => join(FOLDER, name));
/** Appends stay in memory. */
const HEAP = '-Xmx1g';
const ASK_MS = 1000;

export const ZOOKEEPER = {
  name: 'zookeeper',
  driver: new URL('./zookeeper-driver.mjs', import.meta.url),

  version() {
    if (!JARS.every(existsSync)) throw new MissingPeer(`ZooKeeper is not in ${JARS[0]} (Debian package zookeeper)`);
    if (!isInstalled('java')) throw new MissingPeer('java is not on the path (Debian package default-jdk-headless)');
    const versions = readdirSync(FOLDER).flatMap((name) => /^zookeeper-([0-9.]+)\.jar$/.exec(name)?.[1] ?? []);
    return versions[0] ?? 'unknown';
  },

  async prepare(cluster) {
    const { ids } = cluster;
    const ports = await freePorts(ids.length * 3);
    const portOf = (id, kind) => ports[kind * ids.length + id - 1];
    cluster.addresses = ids.map((id) => `127.0.0.1:${portOf(id, 0)}`);
    for (const id of ids) {
      const folder = join(cluster.directory, `node-${id}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'myid'), `${id}`);
      const lines = [
        'tickTime=2000',
        'initLimit=10',
        'syncLimit=5',
        `dataDir=${folder}`,
        `clientPort=${portOf(id, 0)}`,
        'clientPortAddress=127.0.0.1',
        'admin.enableServer=false',
        '4lw.commands.whitelist=srvr',
        'maxClientCnxns=0',
        ...ids.map((other) => `server.${other}=127.0.0.1:${portOf(other, 1)}:${portOf(other, 2)}`),
      ];
      writeFileSync(join(cluster.directory, `node-${id}.cfg`), `${lines.join('\n')}\n`);
    }
  },

  commandOf(cluster, id) {
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain';
    // As many requests as any load here has under way; the default of 1000 would hold those of the largest back.
    const limit = '-Dzookeeper.globalOutstandingLimit=5000';
    return ['java', [HEAP, limit, '-cp', JARS.join(':'), main, join(cluster.directory, `node-${id}.cfg`)]];
  },

  async leaderOf(cluster) {
    const modes = await Promise.all(cluster.addresses.map(modeOf));
    if (modes.filter((mode) => mode === 'follower').length !== cluster.ids.length - 1) return undefined;
    const leader = modes.indexOf('leader');
    return leader < 0 ? undefined : leader + 1;
  },

  /** To all nodes in turn, as its clients do. */
  loadAddresses(cluster) {
    return cluster.addresses;
  },
};

/** `leader`, `follower`, or something else while there is none. */
function modeOf(address) {
  return new Promise((resolve) => {
    const [host, port] = address.split(':');
    let answer = '';
    const socket = connect({ host, port: Number(port), timeout: ASK_MS }, () => socket.write('srvr'));
    socket.on('data', (part) => (answer += part));
    socket.on('timeout', () => socket.destroy());
    socket.on('error', () => {});
    socket.on('close', () => resolve(/^Mode: (\w+)$/m.exec(answer)?.[1] ?? 'none'));
  });
}
