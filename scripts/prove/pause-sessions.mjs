// SIGSTOP for longer than sessions live: of the leader, which must not answer with what it knew, and of a lock holder, which must not write any more.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEFAULT_GROUP, utf8 } from '@quorate/base';
import { decodeValue, encodeFields } from '@quorate/machine';
import { COUNTER, MAP } from '@quorate/resources';
import { Quorate } from 'quorate';
import { Cluster } from './cluster.mjs';
import { Process, delay, until } from './processes.mjs';
import { Choices } from './random.mjs';
import { RawConnection } from './raw-connection.mjs';
import { percentile, report, say } from './report.mjs';
import { CounterLedger, Problems, outcomeOf } from './session-ledger.mjs';
import { compareStates } from './state-hashes.mjs';

const TTL_MS = 1500;
/** A leader is frozen for so long, a lock holder until another has its lock, at least. */
const PAUSE_MS = 2500;
/** Expiry lies in [TTL, 2 TTL + fail-over], and the machine is busy. */
const HAND_OVER_MS_MOST = 2 * TTL_MS + 3000;
/** Additions handed to the frozen leader. */
const BURIED = 20;
const HOLDER = fileURLToPath(new URL('lock-holder.mjs', import.meta.url));

export async function prove({ seed, rounds = 20 }) {
  const choices = new Choices(seed);
  return await Cluster.run({}, async (cluster) => {
    const problems = new Problems();
    const leaderRounds = Math.ceil(rounds / 2);
    const totals = { leaderPauses: 0, staleReads: 0, reads: 0, answers: 0, refusals: {}, readsAtOthers: 0, holderPauses: 0, pausedMs: [] };
    Object.assign(totals, {
      fenced: 0,
      lateCodes: {},
      lateWrites: 0,
      believedToHold: 0,
      toldLost: 0,
      grantedAfterMs: [],
      foreignWrites: 0,
    });
    const buried = new CounterLedger();
    for (let round = 0; round < leaderRounds; round++) {
      await pauseLeader({ cluster, round, buried, totals, choices });
      say(`leader pause ${round + 1}: ${totals.answers} answers, ${totals.reads - totals.answers} refusals, ${totals.staleReads} stale`);
    }
    for (let round = leaderRounds; round < rounds; round++) {
      await pauseHolder({ cluster, round, totals, problems });
      say(
        `holder pause ${round + 1 - leaderRounds}: granted to the next after ${Math.round(totals.grantedAfterMs.at(-1))} ms; ${totals.fenced} late writes fenced`,
      );
    }
    const quorate = await Quorate.connect(cluster.addresses, { deadlineMs: 20_000 });
    buried.check('the counter', await quorate.counter('buried').get(), problems);
    await quorate.close();
    const states = await compareStates(cluster);
    return report(
      'pause-sessions',
      {
        seed,
        sessionTtlMs: TTL_MS,
        leaderPauses: totals.leaderPauses,
        pauseMsLeast: Math.round(Math.min(...totals.pausedMs)),
        readsOfFrozenLeaders: totals.reads,
        answered: totals.answers,
        refused: totals.refusals,
        staleReads: totals.staleReads,
        incrementsBuried: buried.count('done', 'unknown', 'never'),
        incrementsAcknowledged: buried.count('done'),
        incrementsUnknown: buried.count('unknown'),
        holderPauses: totals.holderPauses,
        grantedToNextMsMedian: Math.round(percentile(totals.grantedAfterMs, 0.5)),
        grantedToNextMsMost: Math.round(Math.max(...totals.grantedAfterMs)),
        lateWritesRefused: totals.lateCodes,
        lateWritesApplied: totals.lateWrites,
        lateWritesTriedAsBeliever: totals.believedToHold,
        holdersToldLost: totals.toldLost,
        otherGroups:
          'not shown here: fenced writes to another group are not in the public face yet (stream appends take no fence, resources live in one group)',
        groupsCompared: states.groups,
        problems: problems.count + states.problems.length,
      },
      [
        [`${rounds} pauses`, totals.leaderPauses + totals.holderPauses === rounds],
        ['each longer than a session lives', Math.min(...totals.pausedMs) > TTL_MS],
        ['frozen leaders were asked', totals.reads >= leaderRounds * 2],
        ['no stale read', totals.staleReads === 0],
        ['each frozen holder tried late, and was fenced before the next wrote', totals.fenced >= rounds - leaderRounds],
        ['no late write happened', totals.lateWrites === 0],
        [`the lock went on within ${HAND_OVER_MS_MOST} ms`, Math.max(...totals.grantedAfterMs) <= HAND_OVER_MS_MOST],
        ['counters exact', problems.count === 0],
        ['the same state on all replicas', states.problems.length === 0],
      ],
      [...problems.shown, ...states.problems],
    );
  });
}

async function leaderOfResources(cluster) {
  await cluster.ready();
  return cluster.node(await until('a leader', () => cluster.leaderOf(DEFAULT_GROUP)));
}

async function pauseLeader({ cluster, round, buried, totals, choices }) {
  const leader = await leaderOfResources(cluster);
  const others = cluster.others(leader.id).map((node) => node.address);
  const options = { sessionTtlMs: TTL_MS, deadlineMs: 20_000 };
  const outside = await Quorate.connect(others, options);
  const pinned = await Quorate.connect([leader.address], options);
  const raw = await RawConnection.open(leader.address);
  try {
    const map = outside.map('pinned');
    const counter = outside.counter('fresh');
    await map.set('key', 0);
    let fresh = await counter.add(1);
    await pinned.counter('buried').add(0);
    const numbers = { map: resourceOf(outside, MAP, 'pinned'), counter: resourceOf(outside, COUNTER, 'fresh') };
    leader.pause();
    totals.leaderPauses++;
    const pausedAtMs = performance.now();
    // What the frozen leader was sent comes to an end elsewhere, once.
    const calls = Array.from({ length: BURIED }, async () => {
      const call = buried.begin(`round ${round}`, 1);
      try {
        call.result = await pinned.counter('buried').add(1);
        call.outcome = 'done';
      } catch (error) {
        call.outcome = outcomeOf(error);
      }
    });
    let number = 0;
    while (performance.now() - pausedAtMs < PAUSE_MS - 100) {
      await map.set('key', ++number);
      fresh = await counter.add(1);
    }
    // Acknowledged before these reads begin.
    const reads = [
      freshRead(
        raw,
        MAP,
        'get',
        numbers.map,
        { key: utf8('key') },
        (entry) => Number(new TextDecoder().decode(entry.value)),
        number,
        totals,
      ),
      freshRead(raw, COUNTER, 'get', numbers.counter, {}, (value) => value, fresh, totals),
    ];
    await delay(100 + choices.between(0, 200));
    if (stateOf(leader.pid) !== 'T') throw new Error(`node ${leader.id} was not stopped all the time`);
    leader.resume();
    totals.pausedMs.push(performance.now() - pausedAtMs);
    await Promise.all([...reads, ...calls]);
  } finally {
    if (leader.isPaused) leader.resume();
    raw.close();
    await Promise.all([outside.close(), pinned.close()]);
  }
}

const resourceOf = (quorate, declaration, name) => quorate.resources.client.handle(declaration, name).resource;

/** `least` was acknowledged elsewhere before this read began: an answer that knows less is stale. */
async function freshRead(raw, declaration, operation, resource, args, valueOf, least, totals) {
  totals.reads++;
  const { code, args: argFields, result } = declaration.operations[operation];
  const session = { session: 0, afterNumber: 0, minIndex: 0, consistency: 'linearizable' };
  let answer;
  try {
    answer = await raw.request({
      type: 'query',
      group: DEFAULT_GROUP,
      ...session,
      resource,
      operation: code,
      args: encodeFields(argFields, args, operation),
    });
  } catch {
    // The node cut the connection instead: no answer is no stale answer.
    answer = { type: 'error', code: 'cut' };
  }
  if (answer.type === 'error') {
    totals.refusals[answer.code] = (totals.refusals[answer.code] ?? 0) + 1;
    return;
  }
  totals.answers++;
  const value = valueOf(decodeValue(result, answer.result));
  if (value >= least) return;
  totals.staleReads++;
  say(`STALE: ${declaration.type} gave ${value}, ${least} was acknowledged before`);
}

async function pauseHolder({ cluster, round, totals, problems }) {
  await cluster.ready();
  const lockName = `lock-${round}`;
  const mapName = `map-${round}`;
  const next = await Quorate.connect(cluster.addresses, { sessionTtlMs: TTL_MS, deadlineMs: 20_000 });
  const holder = new Process(process.execPath, [HOLDER, cluster.addresses.join(','), lockName, mapName, String(TTL_MS)]);
  const told = () => holder.lines.map((line) => JSON.parse(line));
  try {
    await until('the holder to write', () => told().some(({ event }) => event === 'written'));
    const { token } = told().find(({ event }) => event === 'held');
    const waiting = next.lock(lockName).acquire();
    await until('the next in line', async () => (await next.lock(lockName).holder())?.waiters === 1);
    holder.signal('SIGSTOP');
    await until('the holder to be frozen', () => stateOf(holder.pid) === 'T', { everyMs: 2 });
    totals.holderPauses++;
    const pausedAtMs = performance.now();
    const toldBefore = told().length;
    const held = await waiting;
    totals.grantedAfterMs.push(performance.now() - pausedAtMs);
    if (held.token.index <= token) problems.add(`${lockName}: token ${held.token.index} after ${token}`);
    const version = await next.map(mapName).version();
    await delay(Math.max(0, PAUSE_MS - (performance.now() - pausedAtMs)));
    if (stateOf(holder.pid) !== 'T') throw new Error('the holder was not stopped all the time');
    holder.signal('SIGCONT');
    totals.pausedMs.push(performance.now() - pausedAtMs);
    await until('the late writes to be refused', () => told().some(({ event }) => event === 'over'));
    const late = told().slice(toldBefore);
    for (const { event, code, version: written, believedToHold } of late) {
      if (event === 'lost') totals.toldLost++;
      // A write that was on its way when it froze may have happened then.
      if (event === 'written' && written > version) totals.lateWrites++;
      if (event !== 'refused') continue;
      totals.lateCodes[code] = (totals.lateCodes[code] ?? 0) + 1;
      if (believedToHold) totals.believedToHold++;
    }
    if (late.some(({ code }) => code === 'fenced')) totals.fenced++;
    if ((await next.map(mapName).version()) !== version) {
      totals.lateWrites++;
      problems.add(`${mapName}: changed under a token that was no longer held`);
    }
    // The new holder writes only now.
    const { version: written } = await next.map(mapName).set('guarded', { holder: held.token.index }, { fence: held.fence });
    if (written !== version + 1) problems.add(`${mapName}: the new holder's first write has version ${written}, not ${version + 1}`);
    await held.release();
  } finally {
    holder.signal('SIGCONT');
    await holder.kill();
    await next.close();
  }
}

/** `T`: stopped by a signal. */
function stateOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}
