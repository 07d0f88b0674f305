// Replies, events and hashes of one fixed log of maps, counters, locks and elections, printed: equal in every process, whatever its time zone, its
// locale, its clock and its chance.
import { SeededRandom, randomBetween } from '@quorate/base';
import type { CommandRequest, Fence, Token } from '@quorate/machine';
import { COUNTER, ELECTION, LOCK, MAP } from '@quorate/resources';
import { Driver, GROUP, b, decodeResult, request } from './driver.js';

// Before anything is made: each process has a time of day and a chance of its own.
const skewMs = Number(process.env['CLOCK_SKEW_MS'] ?? 0);
const { now } = Date;
Date.now = () => now() + skewMs;
Math.random = () => (Math.abs(skewMs) % 1000) / 1000;

const NAMES = ['ı', 'I', 'i', 'ß', 'ä', 'z', 'Z', 'é', 'e\u0301', '日本', '😀'];
const STEPS = 400;

const random = new SeededRandom(76);
const pick = <T>(list: readonly T[]): T => list[randomBetween(random, 0, list.length - 1)] as T;
const driver = new Driver();
let sessions = [driver.open(), driver.open(), driver.open(), driver.open()];
const [first] = sessions as [number];
const maps = NAMES.map((name) => driver.create(first, MAP, name));
const counters = NAMES.map((name) => driver.create(first, COUNTER, `c-${name}`));
const locks = NAMES.slice(0, 3).map((name) => driver.create(first, LOCK, `l-${name}`));
const elections = NAMES.slice(0, 3).map((name) => driver.create(first, ELECTION, `e-${name}`));
for (const session of sessions)
  for (const map of maps.slice(0, 3)) driver.do(session, MAP, map, 'watch', { key: b(''), isPrefix: true, afterVersion: null });
/** Of locks, the newest last: some of them hold, some do not any more. */
const tokens: { readonly lock: number; readonly token: Token }[] = [];

function fence(): Fence | null {
  const last = tokens.at(-randomBetween(random, 1, 3));
  return last === undefined || randomBetween(random, 0, 2) > 0 ? null : { group: GROUP, resource: last.lock, token: last.token };
}

function command(): { readonly sent: CommandRequest; readonly lock: number } {
  const key = b(pick(NAMES));
  const value = b(pick(NAMES));
  const [map, counter, lock, election] = [pick(maps), pick(counters), pick(locks), pick(elections)];
  const held = tokens.findLast((each) => each.lock === lock)?.token;
  const all: (() => CommandRequest)[] = [
    () => request(MAP, map, 'set', { key, value, ttlMs: pick([null, 1, 20, 500]), fence: fence() }),
    () => request(MAP, map, 'setIfAbsent', { key, value, ttlMs: pick([null, 30]), fence: null }),
    () => request(MAP, map, 'compareAndSet', { key, version: randomBetween(random, 1, 9), value, ttlMs: null, fence: null }),
    () => request(MAP, map, 'remove', { key, version: null, fence: fence() }),
    () => request(COUNTER, counter, 'add', { delta: pick([1, -7, Number.MAX_SAFE_INTEGER]), fence: fence() }),
    () => request(COUNTER, counter, 'set', { value: randomBetween(random, 0, 1000), fence: null }),
    () => request(LOCK, lock, 'acquire', { waitMs: pick([null, 0, 15]) }),
    () => request(LOCK, lock, held === undefined ? 'acquire' : 'release', held === undefined ? { waitMs: null } : { token: held }),
    () => request(ELECTION, election, 'campaign', { about: value }),
    () => request(ELECTION, election, 'resign', { ticket: randomBetween(random, 1, 30) }),
    () => request(ELECTION, election, 'observe', {}),
  ];
  return { sent: pick(all)(), lock };
}

const lines: string[] = [JSON.stringify(driver.machine.resources())];
for (let step = 0; step < STEPS; step++) {
  const session = pick(sessions);
  const { sent, lock } = command();
  const [reply] = driver.run(session, [sent]);
  if (reply === undefined) throw new Error('no reply');
  if (reply.isOk && locks.includes(sent.resource) && sent.operation === LOCK.operations.acquire.code) {
    const { token } = decodeResult(LOCK, 'acquire', reply);
    if (token !== null) tokens.push({ lock, token });
  }
  lines.push(reply.isOk ? [...reply.result].join(',') : `${reply.code} ${reply.message}`, driver.machine.hash);
  driver.tick(driver.machine.timeMs + randomBetween(random, 0, 8));
  lines.push(JSON.stringify([...driver.takeEvents()]));
  if (step % 60 === 59) {
    driver.expire(session);
    sessions = [...sessions.filter((each) => each !== session), driver.open()];
  }
  if (step % 150 === 149) driver.reload();
}
process.stdout.write(`${lines.join('\n')}\n${driver.machine.hash}\n`);
