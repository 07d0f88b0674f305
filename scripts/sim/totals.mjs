// The numbers of many runs together, and how they are told.

/** `name count, …` of what is not zero. */
export function counted(counts) {
  return (
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none'
  );
}

/** What some runs did, and the time that cores worked for it. */
class Share {
  virtualMs = 0;
  realMs = 0;
  calls = 0;
  appends = 0;
  records = 0;

  add({ virtualMs, judged }, ms) {
    this.virtualMs += virtualMs;
    this.realMs += ms;
    this.calls += judged.calls ?? 0;
    this.appends += judged['streams.appends'] ?? 0;
    this.records += judged['streams.records'] ?? 0;
  }

  /**
   * Operations that were checked: every call but appends, and instead of those every record that was read back and held, by itself, against what
   * was appended, where, and in which order.
   */
  get operations() {
    return this.calls - this.appends + this.records;
  }

  /** Virtual time by the time that a core worked. */
  get factor() {
    return this.realMs === 0 ? 0 : this.virtualMs / this.realMs;
  }

  /** Operations in a second of that time. */
  per(ms) {
    return (ms === 0 ? 0 : (this.operations / ms) * 1000).toFixed(0);
  }

  get speed() {
    return `factor ${this.factor.toFixed(1)} a core at ${this.per(this.virtualMs)} operations per virtual second`;
  }
}

/**
 * What all runs did; the closed lists of the faults that were allowed, of what they do to disks (none if only some faults were), and of rare
 * branches are given, so that what never happened is named.
 */
export class Totals extends Share {
  seeds = 0;
  events = 0;
  numbers = {};
  faults;
  branches;
  /** Of clusters of three nodes, the most common ones: what a run costs goes with the nodes. */
  ofThree = new Share();

  #kinds;
  #due;

  constructor({ faults, effects = [], branches }) {
    super();
    this.#kinds = faults;
    this.#due = [...faults, ...effects];
    this.faults = Object.fromEntries(this.#due.map((name) => [name, 0]));
    this.branches = Object.fromEntries(branches.map((name) => [name, 0]));
  }

  add(result, ms) {
    super.add(result, ms);
    if (result.nodes === 3) this.ofThree.add(result, ms);
    this.seeds++;
    this.events += result.judged.events ?? 0;
    addTo(this.faults, result.faults);
    addTo(this.branches, result.branches);
    const { steps, snapshotsTaken, snapshotsInstalled, expiries, statesCompared, resources } = result;
    addTo(this.numbers, { steps, snapshotsTaken, snapshotsInstalled, expiries, statesCompared, ...resources });
  }

  /** Virtual time, in words. */
  get hours() {
    return (this.virtualMs / 3_600_000).toFixed(2);
  }

  /** Faults and what they do to disks that had to happen and never did, and rare branches. */
  get never() {
    const zeros = (names, counts) => names.filter((name) => counts[name] === 0);
    return { faults: zeros(this.#due, this.faults), branches: zeros(Object.keys(this.branches), this.branches) };
  }

  /** How far it got, in one line. */
  get progress() {
    const sum = this.#kinds.reduce((all, name) => all + this.faults[name], 0);
    const reached = (names, counts) => names.filter((name) => counts[name] > 0).length;
    const branches = Object.keys(this.branches);
    return [
      this.line,
      `faults ${sum} of ${reached(this.#kinds, this.faults)} kinds`,
      `branches ${reached(branches, this.branches)} of ${branches.length}`,
    ].join(', ');
  }

  /** One line. */
  get line() {
    return [
      `${this.seeds} seeds, ${this.hours} virtual h`,
      this.speed,
      `${this.operations} operations checked (${this.records} records, ${this.calls - this.appends} calls beside ${this.appends} appends)`,
      `${this.per(this.realMs)} a second of a core`,
      `${this.events} events judged`,
    ].join(', ');
  }

  get lines() {
    const { faults, branches } = this.never;
    return [
      this.line,
      `clusters of three nodes: ${this.ofThree.speed}`,
      `faults: ${counted(this.faults)}`,
      `faults that never happened: ${faults.join(', ') || 'none'}`,
      `rare branches: ${counted(this.branches)}`,
      `rare branches that were never reached: ${branches.join(', ') || 'none'}`,
      counted(this.numbers),
    ];
  }
}

function addTo(sums, numbers) {
  for (const [name, number] of Object.entries(numbers)) sums[name] = (sums[name] ?? 0) + number;
}
