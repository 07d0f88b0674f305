// SIGSTOP for longer than sessions live: of the leader, which must not answer with what it knew, and of a lock holder, which must not write any more.
import { DEFAULT_GROUP, utf8 } from '@quorate/base';
import { decodeValue, encodeFields } from '@quorate/machine';
import { COUNTER, MAP } from '@quorate/resources';
import { Quorate } from 'quorate';
import { Cluster } from './cluster.mjs';
import { HolderPauses } from './holder-pauses.mjs';
import { delay, stateOf, until } from './processes.mjs';
import { Choices } from './random.mjs';
import { RawConnection } from './raw-connection.mjs';
import { report, say } from './report.mjs';
import { CounterLedger, Problems, outcomeOf } from './session-ledger.mjs';
import { compareStates } from './state-hashes.mjs';

const TTL_MS = 1500;
/** A leader is frozen for so long, a lock holder until another has its lock, at least. */
const PAUSE_MS = 2500;
/** Expiry lies in [TTL, 2 TTL + fail-over], and the machine is busy. */
const HAND_OVER_MS_MOST = 2 * TTL_MS + 3000;
/** Additions handed to the frozen leader. */
const BURIED = 20;

/** `rounds`: pauses of a leader, and as many of a lock holder. */
export async function prove({ seed, rounds = 20 }) {
  const choices = new Choices(seed);
  return await Cluster.run({}, async (cluster) => {
    const problems = new Problems();
    const totals = { leaderPauses: 0, staleReads: 0, reads: 0, answers: 0, refusals: {}, pausedMs: [] };
    const holders = new HolderPauses({ cluster, problems, ttlMs: TTL_MS, pauseMs: PAUSE_MS });
    const buried = new CounterLedger();
    for (let round = 0; round < rounds; round++) {
      await pauseLeader({ cluster, round, buried, totals, choices });
      say(`leader pause ${round + 1}: ${totals.answers} answers, ${totals.reads - totals.answers} refusals, ${totals.staleReads} stale`);
    }
    for (let round = 0; round < rounds; round++) {
      await holders.pause(round);
      say(`holder pause ${round + 1}: ${holders.summary}`);
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
        pauseMsLeast: Math.round(Math.min(...totals.pausedMs, ...holders.pausedMs)),
        readsOfFrozenLeaders: totals.reads,
        answered: totals.answers,
        refused: totals.refusals,
        staleReads: totals.staleReads,
        incrementsBuried: buried.count('done', 'unknown', 'never'),
        incrementsAcknowledged: buried.count('done'),
        incrementsUnknown: buried.count('unknown'),
        ...holders.figures,
        groupsCompared: states.groups,
        problems: problems.count + states.problems.length,
      },
      [
        [`${rounds} pauses of a leader, ${rounds} of a lock holder`, totals.leaderPauses === rounds && holders.pauses === rounds],
        ['each longer than a session lives', Math.min(...totals.pausedMs, ...holders.pausedMs) > TTL_MS],
        ['frozen leaders were asked', totals.reads >= rounds * 2],
        ['no stale read', totals.staleReads === 0],
        ...holders.claims(HAND_OVER_MS_MOST),
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
