import { LIMITS, QuorateError } from '@quorate/base';
import { type HostSettings, settingsWith } from '@quorate/host';

/** Bounds of the soft settings that a configuration file may carry, in the unit of their name. */
const BOUNDS: Readonly<Record<Exclude<keyof HostSettings, 'syncMode' | 'leases'>, readonly [least: number, most: number]>> = {
  heartbeatMs: [5, 10_000],
  electionTimeoutMinMs: [20, 60_000],
  electionTimeoutMaxMs: [20, 120_000],
  leaseMs: [10, 60_000],
  peerSilenceMs: [100, 600_000],
  tickMs: [1, 1000],
  drainMs: [0, 600_000],
  // The largest batch, with its frame, fits a file.
  journalFileBytes: [LIMITS.frameBytesMax, 1_073_741_824],
  snapshotLogBytes: [65_536, 1_099_511_627_776],
};
const SYNC_MODES = ['adaptive', 'sync', 'async'] as const;

/** The `settings` object of a configuration file. Unknown keys, wrong types and values out of bounds are `invalidArgument`. */
export function hostSettings(file: Readonly<Record<string, unknown>>, fileName: string): Partial<HostSettings> {
  return checkedSettings(file['settings'], `${fileName}: settings`);
}

/** Settings from outside; `source` names them in errors. Unknown keys, wrong types and values out of bounds are `invalidArgument`. */
export function checkedSettings(given: unknown, source: string): Partial<HostSettings> {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new QuorateError('invalidArgument', `${source}: must be an object`, { source });
  }
  const settings: { -readonly [K in keyof HostSettings]?: HostSettings[K] } = {};
  for (const [key, value] of Object.entries(given)) {
    if (key === 'syncMode') settings.syncMode = syncMode(value, source);
    else if (key === 'leases') settings.leases = isTrue(value, `${source}.leases`);
    else if (isBounded(key)) settings[key] = bounded(key, value, source);
    else throw new QuorateError('invalidArgument', `${source}.${key}: there is no such setting`, { source: `${source}.${key}` });
  }
  checkElection(settings, source);
  return settings;
}

function isBounded(key: string): key is keyof typeof BOUNDS {
  return Object.hasOwn(BOUNDS, key);
}

function bounded(key: keyof typeof BOUNDS, value: unknown, source: string): number {
  const [least, most] = BOUNDS[key];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
    throw new QuorateError('invalidArgument', `${source}.${key}: must be a whole number from ${least} to ${most}`, {
      source: `${source}.${key}`,
    });
  }
  return value;
}

function syncMode(value: unknown, source: string): HostSettings['syncMode'] {
  const mode = SYNC_MODES.find((known) => known === value);
  if (mode === undefined) {
    throw new QuorateError('invalidArgument', `${source}.syncMode: must be one of ${SYNC_MODES.join(', ')}`, {
      source: `${source}.syncMode`,
    });
  }
  return mode;
}

function isTrue(value: unknown, source: string): boolean {
  if (typeof value !== 'boolean') throw new QuorateError('invalidArgument', `${source}: must be true or false`, { source });
  return value;
}

/**
 * Heartbeats must come several times within an election timeout, or followers start elections against a healthy leader; and within a lease, or
 * every late one would let it end. A lease beyond the shortest election timeout would only make that longer.
 */
function checkElection(settings: Partial<HostSettings>, source: string): void {
  const { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs, leaseMs } = settingsWith(settings);
  if (electionTimeoutMinMs < 3 * heartbeatMs) {
    throw new QuorateError(
      'invalidArgument',
      `${source}: electionTimeoutMinMs (${electionTimeoutMinMs}) must be at least three times heartbeatMs (${heartbeatMs})`,
      { source },
    );
  }
  if (electionTimeoutMaxMs < electionTimeoutMinMs) {
    throw new QuorateError(
      'invalidArgument',
      `${source}: electionTimeoutMaxMs (${electionTimeoutMaxMs}) is below electionTimeoutMinMs (${electionTimeoutMinMs})`,
      { source },
    );
  }
  if (settings.leaseMs === undefined) return;
  const fault = leaseFault({ leaseMs, heartbeatMs, electionTimeoutMinMs, leases: settings.leases !== false });
  if (fault !== null) throw new QuorateError('invalidArgument', `${source}: leaseMs (${leaseMs}) ${fault}`, { source });
}

/** What is wrong with a lease that was given; null: nothing. */
function leaseFault(given: Pick<HostSettings, 'leaseMs' | 'heartbeatMs' | 'electionTimeoutMinMs' | 'leases'>): string | null {
  const { leaseMs, heartbeatMs, electionTimeoutMinMs, leases } = given;
  if (!leases) return 'means nothing with leases switched off';
  if (leaseMs < 2 * heartbeatMs) return `must be at least twice heartbeatMs (${heartbeatMs})`;
  if (leaseMs > electionTimeoutMinMs) return `must be at most electionTimeoutMinMs (${electionTimeoutMinMs})`;
  return null;
}
