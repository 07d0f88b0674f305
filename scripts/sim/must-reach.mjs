// What must happen in any long exploration: each kind of fault, and each rare branch.

/** Virtual time from which on it is a failure if something never happened; the rarest of them happens about every tenth of that. */
export const MUST_REACH_HOURS = 2;
const HOUR_MS = 3_600_000;

/** What never happened although enough was run, by name; none if too little was run to tell. `areFewFaults`: only some faults were allowed. */
export function neverReached(totals, { areFewFaults }) {
  if (totals.virtualMs < MUST_REACH_HOURS * HOUR_MS) return [];
  const { faults, branches } = totals.never;
  // Without all faults not all branches can be reached.
  return [...faults.map((name) => `fault ${name}`), ...(areFewFaults ? [] : branches.map((name) => `branch ${name}`))];
}
