// etcd as Debian's package `etcd-server` has it, with its own defaults: each node syncs before it acknowledges.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { freePorts } from '../prove/free-ports.mjs';
import { GrpcConnection } from './grpc-connection.mjs';
import { MissingPeer, isInstalled } from './missing-peer.mjs';
import { numberField, readFields } from './protobuf.mjs';

const STATUS = '/etcdserverpb.Maintenance/Status';
const MOVE_LEADER = '/etcdserverpb.Maintenance/MoveLeader';
/** Field of its request. */
const TARGET_ID = 1;
/** Fields of the answer to `STATUS`. */
const HEADER = 1;
const LEADER = 4;
const MEMBER_ID = 2;

export const ETCD = {
  name: 'etcd',
  driver: new URL('./etcd-driver.mjs', import.meta.url),

  version() {
    if (!isInstalled('etcd')) throw new MissingPeer('etcd is not on the path (Debian package etcd-server)');
    return /etcd Version: (\S+)/.exec(execFileSync('etcd', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
  },

  async prepare(cluster) {
    const ports = await freePorts(cluster.ids.length * 2);
    cluster.addresses = cluster.ids.map((id) => `127.0.0.1:${ports[id - 1]}`);
    cluster.peerUrls = cluster.ids.map((id) => `http://127.0.0.1:${ports[cluster.ids.length + id - 1]}`);
  },

  commandOf(cluster, id) {
    const [client, peer] = [`http://${cluster.addresses[id - 1]}`, cluster.peerUrls[id - 1]];
    const members = cluster.ids.map((other) => `node${other}=${cluster.peerUrls[other - 1]}`).join(',');
    const flags = { name: `node${id}`, 'data-dir': join(cluster.directory, `node-${id}`), 'initial-cluster': members };
    const urls = { 'listen-client-urls': client, 'advertise-client-urls': client, 'listen-peer-urls': peer };
    const all = { ...flags, ...urls, 'initial-advertise-peer-urls': peer, logger: 'zap', 'log-level': 'error' };
    return ['etcd', Object.entries(all).map(([name, value]) => `--${name}=${value}`)];
  },

  async leaderOf(cluster) {
    const views = await Promise.all(cluster.addresses.map(viewOf));
    const leaders = new Set(views.map(({ leader }) => leader));
    if (leaders.size !== 1 || leaders.has(0n)) return undefined;
    return views.findIndex(({ member, leader }) => member === leader) + 1;
  },

  /** Hands leadership to the next node; resolves when it has it. */
  async transfer(cluster) {
    const leader = await cluster.ready();
    const next = cluster.addresses[leader % cluster.addresses.length];
    const { member } = await viewOf(next);
    await asked(cluster.addresses[leader - 1], MOVE_LEADER, numberField(TARGET_ID, member));
  },

  /** To the leader only: what another node forwards costs it more. */
  loadAddresses(cluster, leader) {
    return [cluster.addresses[leader - 1]];
  },
};

/** What a node says of itself and of the leader. */
async function viewOf(address) {
  const fields = readFields(await asked(address, STATUS, Buffer.alloc(0)));
  return { member: readFields(fields.get(HEADER)).get(MEMBER_ID), leader: fields.get(LEADER) ?? 0n };
}

/** The answer to one call on a connection of its own. */
async function asked(address, path, message) {
  const connection = new GrpcConnection(address);
  try {
    await connection.open();
    return await new Promise((resolve, reject) => {
      connection.call(path, message, (error, answer) => (error === null ? resolve(answer) : reject(new Error(`${path}: ${error}`))));
    });
  } finally {
    connection.close();
  }
}
