import type { RunRecord } from './run-record.js';
import { type StoryLine, faultText, storyLines } from './run-story.js';
import type { SimScript } from './sim-script.js';
import type { RunFailure } from './swarm.js';

/** Lines of `timelineText` for a screen. */
export const SCREEN_LINES_MAX = 40;

const SIGNS: Readonly<Record<StoryLine['kind'], string>> = { fault: '!!', life: '--', log: '  ', call: '>>', told: '<<', problem: '##' };

/** The story of a run as text, a line for each moment. `all`: to be kept in a file. `screen`: what is nearest to the failure. */
export function timelineText(record: RunRecord, failure: RunFailure | null, extent: 'all' | 'screen'): string {
  const lines = storyLines(record, failure);
  const shown = extent === 'all' ? lines : nearest(lines, failure?.message ?? '');
  const left = lines.length - shown.length;
  const text = shown.map(
    ({ atMs, kind, who, text: told }) => `${atMs.toFixed(3).padStart(11)} ${SIGNS[kind]} ${who.padEnd(10)} ${told.trimEnd()}`,
  );
  return `${left > 0 ? `  (${left} more lines in the file)\n` : ''}${text.join('\n')}\n`;
}

/** What broke things and who led, and the calls of what the message names; of these the last before the failure. */
function nearest(lines: readonly StoryLine[], message: string): readonly StoryLine[] {
  const named = [...new Set(message.match(/\b(?:stream|map|counter|lock|election)-\d+\b/g) ?? [])];
  const isNamed = ({ text }: StoryLine): boolean => named.length === 0 || named.some((name) => text.includes(name));
  const isMark = ({ kind, text }: StoryLine): boolean =>
    kind === 'fault' || kind === 'life' || (kind === 'log' && /^LEADS|^error|^snapshot|session/.test(text));
  const marks = lines.filter(isMark).slice(-SCREEN_LINES_MAX / 2);
  const room = SCREEN_LINES_MAX - marks.length - 1;
  const calls = lines.filter((line) => (line.kind === 'call' || line.kind === 'told') && isNamed(line)).slice(-room);
  const wanted = new Set([...marks, ...calls]);
  return lines.filter((line) => line.kind === 'problem' || wanted.has(line));
}

/** A script in words: what a person needs to see what it does. */
export function scriptText(script: SimScript, record: RunRecord): string {
  const { cluster, faultMs, streams, streamClients, resourceClients, plan, kindsOff, calls } = script;
  const { latencyMs = 0.25, jitterMs = 0.25, chunkChance = 0 } = cluster.link;
  const lines = [
    `${cluster.nodes} node${cluster.nodes === 1 ? '' : 's'}; links ${latencyMs.toFixed(2)} ms + up to ${jitterMs.toFixed(2)}, cut into pieces ${(chunkChance * 100).toFixed(0)} %; sync ${cluster.syncMode}, at most ${cluster.diskLatency.syncMs[1]} ms; timers up to ${cluster.timerSlackMs.toFixed(2)} ms late; snapshots every ${cluster.snapshotLogBytes} bytes`,
    `${Math.round(faultMs)} ms under faults:${record.faults.length === 0 ? ' none' : ''}`,
    ...record.faults.map((fault) => `  at ${fault.atMs.toFixed(1)} ms: ${faultText(fault)}`),
  ];
  for (const { name, lanes } of streamClients) lines.push(`${name}: ${lanes.length} calls at a time on ${streams.join(', ') || 'nothing'}`);
  for (const { name, lanes, watches, sessionTtlMs } of resourceClients)
    lines.push(`${name}: ${lanes.length} calls at a time, ${watches.length} watches, session of ${sessionTtlMs} ms`);
  if (resourceClients.length > 0) {
    const kinds = Object.entries(plan.weights).filter(([kind, weight]) => weight > 0 && !(kindsOff as readonly string[]).includes(kind));
    lines.push(`  on ${[...plan.maps, ...plan.counters, ...plan.locks, ...plan.elections].join(', ')}; keys ${plan.keys.join(', ')}`);
    lines.push(`  kinds: ${kinds.map(([kind]) => kind).join(', ') || 'none'}`);
  }
  if (calls !== null)
    lines.push(
      `just ${calls.length} calls: ${record.calls
        .slice(0, 20)
        .map(({ id, atMs, kind }) => `${kind} (${id}) at ${atMs.toFixed(1)} ms`)
        .join(', ')}${record.calls.length > 20 ? ' …' : ''}`,
    );
  return `${lines.join('\n')}\n`;
}
