import { LIMITS, QuorateError } from '@quorate/base';
import type { HostSettings } from '@quorate/host';

/** Bounds of the soft settings that a configuration file may carry, in the unit of their name. */
const BOUNDS: Readonly<Record<Exclude<keyof HostSettings, 'syncMode'>, readonly [least: number, most: number]>> = {
  heartbeatMs: [5, 10_000],
  electionTimeoutMinMs: [20, 60_000],
  electionTimeoutMaxMs: [20, 120_000],
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

/** Heartbeats must come several times within an election timeout, or followers start elections against a healthy leader. */
function checkElection(settings: Partial<HostSettings>, source: string): void {
  const { heartbeatMs = 30, electionTimeoutMinMs = 150, electionTimeoutMaxMs = 300 } = settings;
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
}
