// The leader freezes (SIGSTOP) with requests in its socket buffer, again and again, and comes back believing it still leads.
import { readFileSync } from 'node:fs';
import { Quorate } from 'quorate';
import { Cluster } from './cluster.mjs';
import { Ledger } from './ledger.mjs';
import { delay, until } from './processes.mjs';
import { RawConnection } from './raw-connection.mjs';
import { Choices } from './random.mjs';
import { percentile, report, say } from './report.mjs';
import { checkLedger } from './workload.mjs';

const RESUME_MS_MOST = 1000;
/** Appends handed to the frozen leader. */
const BURIED = 50;
const STREAMS = ['pause-a', 'pause-b', 'pause-c'];

export async function prove({ seed, seconds = 10, rounds = 20 }) {
  const choices = new Choices(seed);
  return await Cluster.run({}, async (cluster) => {
    const ledger = new Ledger();
    const setup = await Quorate.connect(cluster.addresses);
    const groups = {};
    for (const stream of STREAMS) {
      await setup.stream(stream).create();
      groups[stream] = (await setup.stream(stream).info()).group;
    }
    await setup.close();
    const totals = {
      pauses: 0,
      resumeMs: [],
      buried: 0,
      buriedBytes: [],
      pinnedReads: 0,
      pinnedAnswers: 0,
      pinnedRefusals: 0,
      staleReads: 0,
    };
    for (let round = 0; round < rounds; round++) {
      const stream = choices.of(STREAMS);
      await pauseOnce({ cluster, ledger, stream, group: groups[stream], client: `round-${round}`, seconds, totals });
      say(`pause ${round + 1}: writes resumed after ${Math.round(totals.resumeMs.at(-1))} ms`);
    }
    const counts = ledger.counts();
    const check = await checkLedger(ledger, cluster.addresses, STREAMS);
    const longest = Math.max(...totals.resumeMs);
    return report(
      'pause',
      {
        seed,
        pauses: totals.pauses,
        pauseSeconds: seconds,
        buriedRequests: totals.buried,
        buriedBytesLeast: Math.min(...totals.buriedBytes),
        acknowledged: counts.done,
        never: counts.never,
        unknown: counts.unknown,
        unsettled: counts.open,
        resumeMsMedian: Math.round(percentile(totals.resumeMs, 0.5)),
        resumeMsMost: Math.round(longest),
        pinnedReads: totals.pinnedReads,
        pinnedAnswers: totals.pinnedAnswers,
        pinnedRefusals: totals.pinnedRefusals,
        staleReads: totals.staleReads,
        recordsRead: check.records,
        problems: check.problemCount,
      },
      [
        [`${rounds} pauses of a leader`, totals.pauses === rounds],
        ['requests lay in its socket buffer each time', totals.buriedBytes.length === rounds && Math.min(...totals.buriedBytes) > 0],
        [`writes resumed within ${RESUME_MS_MOST} ms`, longest <= RESUME_MS_MOST],
        ['the frozen node was asked while frozen', totals.pinnedReads >= rounds * 2],
        ['no stale read', totals.staleReads === 0],
        ['every call settled', counts.open === 0],
        ['no record lost or doubled', check.problemCount === 0],
      ],
      check.problems,
    );
  });
}

async function pauseOnce({ cluster, ledger, stream, group, client, seconds, totals }) {
  await cluster.ready();
  const leader = await waitForLeader(cluster, group);
  const others = cluster.others(leader.id).map((node) => node.address);
  const pinned = await Quorate.connect([leader.address], { deadlineMs: seconds * 1000 + 20_000 });
  const outside = await Quorate.connect(others);
  const raw = await RawConnection.open(leader.address);
  try {
    // Both have found the leader and have an open connection to it.
    await ledger.append(stream, `${client}-pinned`, (value) => pinned.stream(stream).append(value));
    await ledger.append(stream, `${client}-outside`, (value) => outside.stream(stream).append(value));
    leader.pause();
    totals.pauses++;
    const pausedMs = performance.now();
    const buried = [];
    for (let i = 0; i < BURIED; i++) buried.push(ledger.append(stream, `${client}-pinned`, (value) => pinned.stream(stream).append(value)));
    totals.buried += BURIED;
    // Its kernel holds them: the first look may come before the client's write.
    const inBuffer = until('requests in the socket buffer', () => unreadBytes(leader), { withinMs: 2000, everyMs: 5 });
    let firstAckMs = null;
    let end = 0;
    while (performance.now() - pausedMs < seconds * 1000 - 200 || firstAckMs === null) {
      const error = await ledger.append(stream, `${client}-outside`, async (value) => {
        const result = await outside.stream(stream).append(value);
        end = Math.max(end, result.offset + 1);
        return result;
      });
      if (error === null) firstAckMs ??= performance.now();
      if (performance.now() - pausedMs > seconds * 1000 + 30_000) break;
      await delay(20);
    }
    totals.resumeMs.push((firstAckMs ?? Number.POSITIVE_INFINITY) - pausedMs);
    const reads = [
      pinnedRead(raw, { type: 'streamInfo', group }, (answer) => answer.info.nextOffset, end, totals),
      pinnedRead(
        raw,
        { type: 'readStream', group, fromOffset: 0, maxRecords: 1, maxBytes: 65_536, waitMs: 0, consistency: 'linearizable' },
        (answer) => answer.nextOffset,
        end,
        totals,
      ),
    ];
    await delay(Math.max(0, seconds * 1000 - (performance.now() - pausedMs)));
    totals.buriedBytes.push(await inBuffer);
    if (stateOf(leader.pid) !== 'T') throw new Error(`node ${leader.id} was not stopped all the time`);
    leader.resume();
    await Promise.all([...reads, ...buried]);
  } finally {
    if (leader.isPaused) leader.resume();
    raw.close();
    await Promise.all([pinned.close(), outside.close()]);
  }
}

/** `end` records were acknowledged elsewhere before this read began: an answer that knows fewer is stale. */
async function pinnedRead(raw, body, nextOffsetOf, end, totals) {
  totals.pinnedReads++;
  try {
    const answer = await raw.request(body);
    if (answer.type === 'error') {
      totals.pinnedRefusals++;
      return;
    }
    totals.pinnedAnswers++;
    if (nextOffsetOf(answer) < end) {
      totals.staleReads++;
      say(`STALE: ${body.type} gave ${nextOffsetOf(answer)}, ${end} were acknowledged before`);
    }
  } catch {
    // The node cut the connection instead: no answer is no stale answer.
    totals.pinnedRefusals++;
  }
}

async function waitForLeader(cluster, group) {
  for (;;) {
    const id = await cluster.leaderOf(group);
    if (id !== undefined) return cluster.node(id);
    await delay(50);
  }
}

/** `T`: stopped by a signal. */
function stateOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}

/** Bytes in the fullest receive queue of a node's port, once they are more than heartbeats; see `/proc/net/tcp`. */
function unreadBytes(node) {
  const port = Number(node.address.split(':')[1]).toString(16).toUpperCase().padStart(4, '0');
  let bytes = 0;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, , , queues] = line.trim().split(/\s+/);
    if (local?.endsWith(`:${port}`)) bytes = Math.max(bytes, Number.parseInt(queues.split(':')[1], 16));
  }
  // More than a heartbeat or two: the appends of the pinned client.
  return bytes > 1000 ? bytes : 0;
}
