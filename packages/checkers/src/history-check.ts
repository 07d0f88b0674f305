import { CallTracker, type HistoryListener } from './history/call-tracker.js';
import type { HistoryEvent, HistoryHeader } from './history/event.js';
import { LinearizabilityRule } from './linearizability/linearizability-rule.js';
import type { SearchLimits } from './linearizability/partition.js';
import { CounterRule } from './rules/counter-rule.js';
import { ExpiryRule } from './rules/expiry-rule.js';
import { FenceRule } from './rules/fence-rule.js';
import { HolderRule } from './rules/holder-rule.js';
import { MapRule } from './rules/map-rule.js';
import { SessionRule } from './rules/session-rule.js';
import { StreamRule } from './rules/stream-rule.js';
import { Findings, type Problem, type Verdict } from './verdict.js';

/** Bounds of a check; the defaults suit histories of any length with up to some thousand calls open at once. */
export interface CheckOptions {
  /** Possible pasts of one partition carried on side by side; beyond it the partition is undecided. Default 20,000. */
  readonly pastsMax?: number;
  /** Steps to judge one answer; beyond it the partition is undecided. Default 2 million. */
  readonly stepsMax?: number;
}

/**
 * Judges a history while it is made or read: `take` each event in order, then `finish`. All rules that apply to the objects of the header run.
 * An event that contradicts those before throws `invalidArgument` with `field` (the check is of no use then).
 */
export class HistoryCheck {
  readonly #findings = new Findings();
  readonly #tracker: CallTracker;

  constructor(header: HistoryHeader, options: CheckOptions = {}) {
    const limits = { pastsMax: options.pastsMax ?? 20_000, stepsMax: options.stepsMax ?? 2_000_000 };
    this.#tracker = new CallTracker(header, fanOut(rulesFor(header, this.#findings, limits)));
  }

  take(event: HistoryEvent): void {
    this.#tracker.take(event);
  }

  /** Events taken so far. */
  get events(): number {
    return this.#tracker.events;
  }
  /** Problems found so far: a simulation can end at the first. */
  get problemCount(): number {
    return this.#findings.problemCount;
  }

  /** The first of them. */
  get problems(): readonly Problem[] {
    return this.#findings.problems;
  }

  finish(): Verdict {
    this.#tracker.finish();
    this.#findings.count('events', this.#tracker.events);
    this.#findings.count('calls', this.#tracker.calls);
    return this.#findings.verdict();
  }
}

/** Judges a history that is there as a whole. */
export function checkHistory(header: HistoryHeader, events: Iterable<HistoryEvent>, options: CheckOptions = {}): Verdict {
  const check = new HistoryCheck(header, options);
  for (const event of events) check.take(event);
  return check.finish();
}

/** The rules that have something to judge. */
function rulesFor(header: HistoryHeader, findings: Findings, limits: SearchLimits): HistoryListener[] {
  const kinds = new Set(header.objects.map(({ kind }) => kind));
  const rules: HistoryListener[] = [new SessionRule(findings)];
  if ([...kinds].some((kind) => kind !== 'stream')) rules.push(new LinearizabilityRule(findings, limits));
  if (kinds.has('map')) rules.push(new MapRule(findings), new ExpiryRule(findings));
  if (kinds.has('counter')) rules.push(new CounterRule(findings));
  if (kinds.has('stream')) rules.push(new StreamRule(findings));
  if (kinds.has('lock') || kinds.has('election')) {
    rules.push(new HolderRule(findings), new FenceRule(findings, new Map(header.objects.map(({ name, group }) => [name, group]))));
  }
  return rules;
}

function fanOut(rules: readonly HistoryListener[]): HistoryListener {
  const invoked = rules.filter((rule) => rule.invoked !== undefined);
  const returned = rules.filter((rule) => rule.returned !== undefined);
  const told = rules.filter((rule) => rule.told !== undefined);
  const session = rules.filter((rule) => rule.session !== undefined);
  const faults = rules.filter((rule) => rule.fault !== undefined);
  return {
    invoked: (call) => {
      for (const rule of invoked) rule.invoked?.(call);
    },
    returned: (call) => {
      for (const rule of returned) rule.returned?.(call);
    },
    told: (event, object, at) => {
      for (const rule of told) rule.told?.(event, object, at);
    },
    session: (event, at) => {
      for (const rule of session) rule.session?.(event, at);
    },
    fault: (event) => {
      for (const rule of faults) rule.fault?.(event);
    },
    finished: (at) => {
      for (const rule of rules) rule.finished?.(at);
    },
  };
}
