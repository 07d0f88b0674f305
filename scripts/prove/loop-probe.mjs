// Loaded into a node's process beside it (`node --import`): how late its event loop is, by `monitorEventLoopDelay`, apart for each phase of the
// proof and of the node's own snapshots, and how long its garbage collections take.
//
// The proof writes its phase to a file. When this node begins and ends a snapshot its log says, which is seen as it is written. A window of
// measurement ends when another phase begins; the delay that is going on then belongs to the phase that begins, and what follows an end for a
// tenth of a second to the phase that ended: no delay of a snapshot counts as one without. A window keeps its histogram until the proof asks
// for a report.
import fs, { openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { PerformanceObserver, constants, monitorEventLoopDelay } from 'node:perf_hooks';

/** Node's own default, and what `status` of a node uses. */
const RESOLUTION_MS = 10;
/** Between two looks at the phase of the proof; what goes before a phase, and after it, is up to twice as long. */
const LOOK_MS = 100;
const KINDS = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak',
};
const ENDS = new Set(['snapshot taken', 'snapshot failed', 'snapshot installed']);
const { LOOP_PROBE_PHASE: phaseFile, LOOP_PROBE_REPORT: reportFile, LOOP_PROBE_GROUP } = process.env;
const MEASURED_GROUP = Number(LOOP_PROBE_GROUP);

/** Of the longest gaps between two turns of a timer, so many are told with what this thread did in them. */
const GAPS_TOLD = 3;

let isListening = false;
let isTaking = false;
let endedMs = Number.NEGATIVE_INFINITY;
let proof = 'none';
const windows = [];
let current = null;
/** Two histograms that run beside, so that a window can begin with the delay that is going on: each is begun anew while the other is used. */
const spares = [newHistogram(), newHistogram()];

function newHistogram() {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return histogram;
}

function phaseNow() {
  if (!isListening || (proof !== 'steady' && proof !== 'installing')) return 'none';
  if (proof === 'installing') return 'installing';
  return isTaking || performance.now() - endedMs < LOOK_MS ? 'taking' : 'without';
}

/** Ends the window of another phase and begins one. */
function look() {
  const phase = phaseNow();
  if (current?.phase === phase) return;
  close();
  // The older spare has run for a while: what holds the loop up at this moment is in its next value. The start of a process is no part of any phase.
  const isBegun = phase === 'taking';
  const histogram = isBegun ? spares.shift() : newHistogram();
  if (isBegun) spares.push(newHistogram());
  current = { phase, histogram, fromMs: Date.now(), toMs: null, gc: {}, gaps: [], cpu: process.cpuUsage() };
  if (phase !== 'none') windows.push(current);
}

function close() {
  if (current === null) return;
  current.histogram.disable();
  current.toMs = Date.now();
  current.cpu = process.cpuUsage(current.cpu);
}

/** All values of a histogram in rising order, in ms: from look to look, the resolution included. */
function valuesOf(histogram) {
  const { count } = histogram;
  return Array.from({ length: count }, (_, at) => Math.round(histogram.percentile((100 * (at + 1)) / count) / 1e4) / 100);
}

/** Takes long; the phase is over by then. */
function writeReport() {
  const told = windows.map(({ phase, histogram, fromMs, toMs, gc, gaps, cpu }) => {
    return { phase, fromMs, toMs, gc, gaps, cpuMs: Math.round((cpu.user + cpu.system) / 1000), values: valuesOf(histogram) };
  });
  windows.length = 0;
  writeFileSync(`${reportFile}.new`, JSON.stringify({ pid: process.pid, resolutionMs: RESOLUTION_MS, windows: told }));
  renameSync(`${reportFile}.new`, reportFile);
}

/**
 * Notes what this thread did in the longest gaps, as the scheduler counts it: ran, was ready and waited for a processor, or was blocked, in a
 * call of the system or for another thread. Only where the system tells.
 */
function watchGaps() {
  const buffer = Buffer.alloc(80);
  let descriptor;
  try {
    descriptor = openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    return;
  }
  const read = () => {
    const [ran, waited] = buffer.latin1Slice(0, readSync(descriptor, buffer, 0, buffer.length, 0)).split(' ');
    return { atMs: performance.now(), ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 };
  };
  let last = read();
  setInterval(() => {
    const now = read();
    const ms = now.atMs - last.atMs;
    const gaps = current?.gaps;
    if (gaps !== undefined && (gaps.length < GAPS_TOLD || ms > gaps.at(-1).ms)) {
      const [ran, waited] = [now.ranMs - last.ranMs, now.waitedMs - last.waitedMs];
      gaps.push({
        at: new Date().toISOString().slice(14, 23),
        ms: Math.round(ms),
        ran: Math.round(ran),
        waited: Math.round(waited),
        blocked: Math.round(ms - ran - waited),
      });
      gaps.sort((a, b) => b.ms - a.ms).splice(GAPS_TOLD);
    }
    last = now;
  }, RESOLUTION_MS).unref();
}

/** Sees the lines of the log as they are written. */
function watchLog() {
  const original = fs.write;
  fs.write = (descriptor, ...rest) => {
    if (descriptor === 1) for (const line of String(rest[0]).split('\n')) said(line);
    return original(descriptor, ...rest);
  };
  syncBuiltinESMExports();
}

function said(line) {
  if (line.includes('"listening"')) isListening = true;
  const { msg, group } = line.includes('"snapshot ') ? JSON.parse(line) : {};
  if (group !== MEASURED_GROUP) return;
  if (msg === 'snapshot begun') {
    isTaking = true;
    look();
  } else if (ENDS.has(msg) && isTaking) {
    isTaking = false;
    endedMs = performance.now();
  }
}

if (phaseFile !== undefined) {
  watchLog();
  watchGaps();
  new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries()) {
      if (current === null) continue;
      const kind = KINDS[detail.kind] ?? String(detail.kind);
      current.gc[kind] ??= { count: 0, totalMs: 0, maxMs: 0 };
      const figures = current.gc[kind];
      figures.count++;
      figures.totalMs += duration;
      figures.maxMs = Math.max(figures.maxMs, duration);
    }
  }).observe({ entryTypes: ['gc'] });
  setInterval(() => {
    const [older] = spares;
    if (spares.length === 2) {
      older.reset();
      spares.reverse();
    }
    // Not through the thread pool, where this process would wait for its own workers to get a processor: a small file takes microseconds.
    const text = readFileSync(phaseFile, 'utf8');
    if (text !== '' && text !== proof) {
      proof = text;
      look();
      if (proof === 'report') writeReport();
    }
    look();
  }, LOOK_MS).unref();
}
