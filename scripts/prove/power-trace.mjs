// Runs three real servers under strace and checks, for each acknowledgement, that two journals had synced its record before it left.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Quorate } from 'quorate';
import { Cluster } from './cluster.mjs';
import { say } from './report.mjs';

const RECORDS = 100;
const CALLS =
  'read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fdatasync,fsync,sync_file_range,io_uring_enter';
const marker = (index) => `<trace-mark-${String(index).padStart(5, '0')}>`;

/** `status`: `done`, or why there is no trace. */
export async function traceAcknowledgements() {
  const none = { acknowledgements: 0, early: 0, tightestMicros: null, wanted: RECORDS, problems: [] };
  if (spawnSync('strace', ['-V']).status !== 0) {
    say('strace is missing: no system-call trace');
    return { ...none, status: 'strace is missing' };
  }
  return await Cluster.run({}, async (cluster) => {
    for (const node of cluster.nodes) await node.stop();
    const traceOf = (node) => join(cluster.directory, `trace-${node.id}`);
    for (const node of cluster.nodes) {
      // -D: strace is the grandchild, so that signals reach the server itself.
      node.start((command, args) => [
        'strace',
        ['-D', '-f', '-yy', '-ttt', '-T', '-s', '4096', '-e', `trace=${CALLS}`, '-e', 'signal=none', '-o', traceOf(node), command, ...args],
      ]);
    }
    await cluster.ready();
    say('three servers run under strace');
    const quorate = await Quorate.connect(cluster.addresses, { deadlineMs: 30_000, stallMs: 10_000 });
    const stream = quorate.stream('trace');
    await stream.create();
    // Not judged: it may be refused while the stream has no leader yet.
    await stream.append('warm-up');
    // One at a time: the next bytes to the client's socket after its request are its acknowledgement.
    for (let i = 0; i < RECORDS; i++) await stream.append(marker(i));
    await quorate.close();
    for (const node of cluster.nodes) await node.stop();
    return { ...none, status: 'done', ...judge(cluster.nodes.map((node) => parseTrace(readFileSync(traceOf(node), 'latin1')))) };
  });
}

/** Calls of one process in order of their end: { name, fd, text, startMicros, endMicros }. */
function parseTrace(text) {
  const calls = [];
  const unfinished = new Map();
  for (const line of text.split('\n')) {
    const match = /^(\d+) +(\d+\.\d+) (.*)$/.exec(line);
    if (match === null) continue;
    const [, thread, time, rest] = match;
    const micros = Math.round(Number(time) * 1e6);
    if (rest.endsWith('<unfinished ...>')) {
      unfinished.set(thread, { body: rest.slice(0, -'<unfinished ...>'.length), startMicros: micros });
      continue;
    }
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    const begun = resumed === null ? { body: rest, startMicros: micros } : unfinished.get(thread);
    if (begun === undefined) continue;
    const whole = resumed === null ? rest : begun.body + resumed[2];
    const call = /^(\w+)\((\d+)<(.*)$/s.exec(whole);
    if (call === null) continue;
    const duration = / <(\d+\.\d+)>$/.exec(whole);
    const took = duration === null ? 0 : Math.round(Number(duration[1]) * 1e6);
    calls.push({
      name: call[1],
      fd: call[2],
      target: call[3].slice(0, call[3].indexOf('>') + 1),
      text: call[3],
      startMicros: begun.startMicros,
      endMicros: begun.startMicros + took,
    });
  }
  return calls;
}

function judge(traces) {
  const result = { acknowledgements: 0, early: 0, tightestMicros: null, problems: [] };
  for (let index = 0; index < RECORDS; index++) {
    const mark = marker(index);
    const ack = traces.map((calls) => acknowledgementOf(calls, mark)).find((found) => found !== undefined);
    if (ack === undefined) {
      result.problems.push(`${mark}: no acknowledgement found in the trace`);
      continue;
    }
    result.acknowledgements++;
    const syncs = traces
      .map((calls) => syncedAt(calls, mark))
      .filter((at) => at !== undefined)
      .sort((a, b) => a - b);
    const quorum = syncs[1];
    if (quorum === undefined || quorum > ack) {
      result.early++;
      result.problems.push(`${mark}: acknowledged at ${ack}, synced at ${syncs.join(', ') || 'no time'}`);
    } else {
      result.tightestMicros = Math.min(result.tightestMicros ?? Number.POSITIVE_INFINITY, ack - quorum);
    }
  }
  result.problems = result.problems.slice(0, 10);
  return result;
}

const READS = new Set(['read', 'readv', 'recvfrom', 'recvmsg']);
const WRITES = new Set(['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendto', 'sendmsg']);

/** Start of the first write to the socket that brought the request, after it: on the leader, the answer to the client. */
function acknowledgementOf(calls, mark) {
  const isRequest = (call) => READS.has(call.name) && call.target.includes('TCP') && call.text.includes(mark);
  const at = calls.findIndex(isRequest);
  if (at < 0) return undefined;
  // Followers read the record from the leader's socket, and answer there: they are told apart by having no client, so by what they write on.
  const request = calls[at];
  const forwards = calls.some(
    (call) => WRITES.has(call.name) && call.target.includes('TCP') && call.text.includes(mark) && call.startMicros >= request.startMicros,
  );
  if (!forwards) return undefined;
  return calls.slice(at + 1).find((call) => WRITES.has(call.name) && call.fd === request.fd && call.startMicros >= request.endMicros)
    ?.startMicros;
}

/** End of the first sync of the journal file that got the record, after that write. */
function syncedAt(calls, mark) {
  const write = calls.find(
    (call) => WRITES.has(call.name) && !call.target.includes('TCP') && call.target.includes('/journal/') && call.text.includes(mark),
  );
  if (write === undefined) return undefined;
  const sync = calls.find(
    (call) =>
      (call.name === 'fdatasync' || call.name === 'fsync') &&
      call.fd === write.fd &&
      call.startMicros >= write.endMicros &&
      / = 0/.test(call.text),
  );
  return sync?.endMicros;
}
