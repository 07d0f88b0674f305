import { failureKind } from './failure-kind.js';
import { RunRecord } from './run-record.js';
import { encodeScriptFile } from './script-file.js';
import { type ScriptSize, type ShrinkOptions, type Shrunk, shrinkScript } from './shrink.js';
import type { SimScript } from './sim-script.js';
import { type RunFailure, tryScript } from './swarm.js';
import { timelinePage } from './timeline-page.js';
import { scriptText, timelineText } from './timeline-text.js';

/** What is told of a run that failed. */
export interface FailureReport {
  /** For a screen: seed, commit, how to repeat it, the smallest script in words, and the story around the failure. */
  readonly text: string;
  /** The smallest script, and its whole story as text and as a page. */
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** Null: the script did not fail again, which is a fault of the simulator. */
  readonly shrunk: Shrunk | null;
}

/** What a report is about. */
export interface FailureReportInit {
  readonly script: SimScript;
  /** Of the sources; empty if unknown. */
  readonly commit: string;
  /** A name of a file as the reader of the report can use it. */
  readonly pathOf: (name: string) => string;
  readonly shrink: ShrinkOptions;
}

/** Makes a failing script smaller and tells its story. Nothing is written: the caller does that. */
export function reportFailure({ script, commit, pathOf, shrink }: FailureReportInit): FailureReport {
  const { seed } = script;
  const shrunk = shrinkScript(script, shrink);
  if (shrunk === null)
    return { text: `seed ${seed}: the same script did not fail again: the simulator is not deterministic\n`, files: [], shrunk };
  const told = tellStory(shrunk.script, shrink.rule === undefined ? {} : { rule: shrink.rule });
  const { failure, kind } = shrunk;
  const { message, traceHash, atMs } = failure;
  const names = { script: `seed-${seed}-small.json`, text: `seed-${seed}-small.txt`, page: `seed-${seed}-small.html` };
  const head = [
    `seed ${seed}${commit === '' ? '' : `, commit ${commit}`}`,
    `repeat the seed:         npm run sim -- --seed ${seed}`,
    `replay what is left:     npm run sim -- --replay ${pathOf(names.script)}`,
    `smallest found:          ${sizeText(shrunk.size)} (of ${sizeText(shrunk.before)}), ${shrunk.runs} runs${shrunk.isDone ? '' : ', stopped by the time limit'}`,
  ].join('\n');
  const words = scriptText(shrunk.script, told.record);
  const title = `Seed ${seed}: ${kind}`;
  return {
    shrunk,
    text: `${head}\n\n${indented(words)}\n${timelineText(told.record, told.failure, 'screen')}\nwhole story: ${pathOf(names.text)}\nas a page:   ${pathOf(names.page)}\n`,
    files: [
      { name: names.script, text: encodeScriptFile({ script: shrunk.script, commit, failure: { kind, message, traceHash, atMs } }) },
      { name: names.text, text: `${head}\n\n${words}\n${timelineText(told.record, told.failure, 'all')}` },
      { name: names.page, text: timelinePage({ record: told.record, failure: told.failure, title, words }) },
    ],
  };
}

/** Runs a script once more and writes down what happens. */
export function tellStory(
  script: SimScript,
  options: { readonly rule?: NonNullable<ShrinkOptions['rule']> } = {},
): { readonly record: RunRecord; readonly failure: RunFailure | null } {
  const record = new RunRecord();
  const { failure } = tryScript(script, { ...options, record });
  return { record, failure };
}

/** A replayed script fails in the same way, to the last event; otherwise what is different. */
export function replayDifference(
  expected: { readonly kind: string; readonly traceHash: string },
  failure: RunFailure | null,
): string | null {
  if (failure === null) return 'it does not fail any more';
  const kind = failureKind(failure.message);
  if (kind !== expected.kind) return `it fails in another way: ${kind}`;
  if (failure.traceHash !== expected.traceHash)
    return `the same failure after other events (trace ${failure.traceHash}, not ${expected.traceHash})`;
  return null;
}

/** How large a script is, in words. */
export function sizeText({ nodes, faultMs, faults, clients, lanes, calls }: ScriptSize): string {
  const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
  const parts = [counted(nodes, 'node'), `${Math.round(faultMs)} ms`, counted(faults, 'fault'), counted(clients, 'client')];
  return [...parts, counted(lanes, 'lane'), counted(calls, 'call')].join(', ');
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}
