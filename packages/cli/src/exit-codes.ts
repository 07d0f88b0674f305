import type { ErrorCode, QuorateError } from '@quorate/base';

/** Every exit code of the `quorate` command; where one exists it is that of `sysexits.h`. Each command's help shows this table. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'the operation was refused: no such stream, record too large, …' },
  usage: { code: 2, meaning: 'unknown flag, malformed address or value, bad configuration' },
  unavailable: { code: 69, meaning: 'no node reachable, no leader, port in use, not a Quorate cluster or not this one' },
  internal: { code: 70, meaning: 'a bug in Quorate' },
  directory: { code: 73, meaning: 'data directory in use, of another node or cluster, of a newer format, or damaged' },
  disk: { code: 74, meaning: 'a disk read, write or sync failed' },
  tryAgain: {
    code: 75,
    meaning: 'try again later, or unknown whether it happened: overloaded, disk full, deadline; lock not got, or lost',
  },
} as const;

/** A row of the table of exit codes. */
export type ExitName = keyof typeof EXIT_CODES;

const BY_ERROR: Partial<Record<ErrorCode, ExitName>> = {
  invalidArgument: 'usage',
  addressInvalid: 'usage',
  valueInvalid: 'usage',
  addressInUse: 'unavailable',
  clusterMismatch: 'unavailable',
  protocolMismatch: 'unavailable',
  versionUnsupported: 'unavailable',
  formationConflict: 'unavailable',
  directoryInUse: 'directory',
  directoryForeign: 'directory',
  formatUnsupported: 'directory',
  dataDamaged: 'directory',
  diskFailed: 'disk',
  malformedFrame: 'internal',
  frameTooLarge: 'internal',
  invariantBroken: 'internal',
  overloaded: 'tryAgain',
  diskFull: 'tryAgain',
  slowConsumer: 'tryAgain',
  lockTimeout: 'tryAgain',
};

/** The exit code of an error: as listed above, else by retry class: `never` 1, `safe` 69, `unknown` 75. */
export function exitCodeOf(error: Pick<QuorateError, 'code' | 'retry'>): number {
  const byClass: ExitName = error.retry === 'never' ? 'failed' : error.retry === 'safe' ? 'unavailable' : 'tryAgain';
  return EXIT_CODES[BY_ERROR[error.code] ?? byClass].code;
}

/** The exit code of a process that a signal ended, as shells report a death by it. */
export function exitCodeOfSignal(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): number {
  return 128 + { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal];
}

/** The table as text for `--help`. */
export function exitCodeTable(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`);
  return ['Exit codes:', ...rows].join('\n');
}
