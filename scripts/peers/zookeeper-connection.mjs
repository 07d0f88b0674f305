// One session of ZooKeeper on one connection. Requests are answered in their order, so those under way are a queue.
import { connect } from 'node:net';
import { FrameReader, bytes, frame, int, text } from './jute.mjs';

const TYPES = { create: 1, getData: 4, setData: 5, sync: 9, ping: 11 };
const PING_XID = -2;
const SESSION_MS = 10_000;
const PING_MS = 3000;
const REOPEN_MS = 20;
const PERSISTENT = 0;
const PERSISTENT_SEQUENTIAL = 2;
/** Everybody may do all: perms, scheme and id of the only entry. */
const OPEN_ACL = Buffer.concat([int(1), int(31), text('world'), text('anyone')]);
const NODE_EXISTS = -110;

export class ZookeeperConnection {
  #address;
  #socket = null;
  #isReady = false;
  #isClosed = false;
  #xid = 0;
  #pings = null;
  /** `done` of each request under way, oldest first; `head` is the next one, as shifting a long array is slow. */
  #waiting = [];
  #head = 0;
  /** Requests of this turn: one write takes them all. */
  #queued = [];

  constructor(address) {
    this.#address = address;
  }

  /** Resolves when there is a session; rejects if it cannot be had. From then on there is a new one whenever the connection ends. */
  open() {
    return new Promise((resolve, reject) => {
      const [host, port] = this.#address.split(':');
      const socket = connect({ host, port: Number(port), noDelay: true });
      const reader = new FrameReader();
      socket.once('connect', () => {
        const session = Buffer.concat([
          int(0),
          Buffer.alloc(8),
          int(SESSION_MS),
          Buffer.alloc(8),
          bytes(Buffer.alloc(16)),
          Buffer.from([0]),
        ]);
        socket.write(frame(session));
      });
      socket.on('data', (chunk) => {
        for (const body of reader.push(chunk)) {
          if (this.#isReady) this.#answer(body);
          else {
            this.#begin(socket);
            resolve();
          }
        }
      });
      socket.on('error', reject);
      socket.once('close', () => {
        this.#lost();
        reject(new Error(`${this.#address} closed the connection`));
        setTimeout(() => this.#reopen(), REOPEN_MS);
      });
    });
  }

  #begin(socket) {
    this.#socket = socket;
    this.#isReady = true;
    this.#pings = setInterval(() => socket.write(frame(int(PING_XID), int(TYPES.ping))), PING_MS);
  }

  #lost() {
    this.#isReady = false;
    this.#socket = null;
    this.#queued = [];
    clearInterval(this.#pings);
    const lost = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = 0;
    for (const done of lost) done('disconnected');
  }

  #answer(body) {
    if (body.readInt32BE(0) === PING_XID) return;
    const done = this.#waiting[this.#head++];
    if (this.#head > 4096 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
    const code = body.readInt32BE(12);
    done?.(code === 0 ? null : `zookeeper${code}`);
  }

  #send(type, done, ...parts) {
    if (!this.#isReady) {
      setImmediate(() => done('disconnected'));
      return;
    }
    this.#waiting.push(done);
    if (this.#queued.length === 0) setImmediate(() => this.#flush());
    this.#queued.push(frame(int(++this.#xid), int(type), ...parts));
  }

  #flush() {
    if (this.#queued.length > 0) this.#socket?.write(Buffer.concat(this.#queued));
    this.#queued = [];
  }

  create(path, value, done) {
    const settle = (error) => done(error === `zookeeper${NODE_EXISTS}` ? null : error);
    this.#send(TYPES.create, settle, text(path), bytes(value), OPEN_ACL, int(PERSISTENT));
  }

  /** Under a name that the server completes with the next number of its folder. */
  createNext(path, value, done) {
    this.#send(TYPES.create, done, text(path), bytes(value), OPEN_ACL, int(PERSISTENT_SEQUENTIAL));
  }

  /** Of any version. */
  setData(path, value, done) {
    this.#send(TYPES.setData, done, text(path), bytes(value), int(-1));
  }

  /** What is seen is as new as the leader's state when this was called: `sync` and `getData` in one go, answered in this order. */
  syncedGet(path, done) {
    this.#send(TYPES.sync, () => {}, text(path));
    this.#send(TYPES.getData, done, text(path), Buffer.from([0]));
  }

  #reopen() {
    if (!this.#isClosed) void this.open().catch(() => {});
  }

  close() {
    this.#isClosed = true;
    this.#socket?.destroy();
  }
}
