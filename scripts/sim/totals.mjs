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

/** What all runs did; `names` are the closed lists of faults and of rare branches, so that what never happened is named. */
export class Totals {
  seeds = 0;
  virtualMs = 0;
  realMs = 0;
  calls = 0;
  appends = 0;
  records = 0;
  events = 0;
  numbers = {};
  faults;
  branches;

  constructor({ faults, branches }) {
    this.faults = Object.fromEntries(faults.map((name) => [name, 0]));
    this.branches = Object.fromEntries(branches.map((name) => [name, 0]));
  }

  add(result, ms) {
    this.seeds++;
    this.virtualMs += result.virtualMs;
    this.realMs += ms;
    const { judged } = result;
    this.calls += judged.calls ?? 0;
    this.appends += judged['streams.appends'] ?? 0;
    this.records += judged['streams.records'] ?? 0;
    this.events += judged.events ?? 0;
    addTo(this.faults, result.faults);
    addTo(this.branches, result.branches);
    const { steps, snapshotsTaken, snapshotsInstalled, expiries, statesCompared, resources } = result;
    addTo(this.numbers, { steps, snapshotsTaken, snapshotsInstalled, expiries, statesCompared, ...resources });
  }

  /** Virtual time, in words. */
  get hours() {
    return (this.virtualMs / 3_600_000).toFixed(2);
  }

  /**
   * Operations that were checked: every call but appends, and instead of those every record that was read back and held, by itself, against what
   * was appended, where, and in which order.
   */
  get operations() {
    return this.calls - this.appends + this.records;
  }

  /** One line. Factor: virtual time by the time that a core worked. */
  get line() {
    const per = (ms) => (ms === 0 ? 0 : (this.operations / ms) * 1000).toFixed(0);
    return [
      `${this.seeds} seeds, ${this.hours} virtual h`,
      `factor ${this.factor.toFixed(1)} a core at ${per(this.virtualMs)} operations per virtual second`,
      `${this.operations} operations checked (${this.records} records, ${this.calls - this.appends} calls beside ${this.appends} appends)`,
      `${per(this.realMs)} a second of a core`,
      `${this.events} events judged`,
    ].join(', ');
  }

  get factor() {
    return this.realMs === 0 ? 0 : this.virtualMs / this.realMs;
  }

  get lines() {
    const never = (counts) =>
      Object.entries(counts)
        .filter(([, count]) => count === 0)
        .map(([name]) => name)
        .join(', ') || 'none';
    return [
      this.line,
      `faults: ${counted(this.faults)}`,
      `faults that never happened: ${never(this.faults)}`,
      `rare branches: ${counted(this.branches)}`,
      `rare branches that were never reached: ${never(this.branches)}`,
      counted(this.numbers),
    ];
  }
}

function addTo(sums, numbers) {
  for (const [name, number] of Object.entries(numbers)) sums[name] = (sums[name] ?? 0) + number;
}
