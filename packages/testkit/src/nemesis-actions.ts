/** The kinds of faults. The last eight destroy data: at most a minority of nodes gets them in a run, one at a time. */
export const NEMESIS_ACTIONS = [
  'kill',
  'powerCut',
  'powerCutAll',
  'pause',
  'stop',
  'cut',
  'cutReset',
  'cutOneWay',
  'reset',
  'isolate',
  'halves',
  'bridge',
  'ring',
  'clog',
  'loss',
  'halfOpen',
  'duplicateConnection',
  'slowDisk',
  'fullDisk',
  'crashInDisk',
  'crashInNetwork',
  'failSync',
  'failWrite',
  'clockDrift',
  'clockJump',
  'clockFreeze',
  'wallJump',
  'pauseClient',
  'killClient',
  'cutClient',
  'wipe',
  'oldImage',
  'flipBit',
  'failRead',
  'misdirectRead',
  'failSyncForever',
  'lostWrite',
  'misdirectWrite',
] as const;
/** One of them. */
export type NemesisAction = (typeof NEMESIS_ACTIONS)[number];

/** What they and what follows from them did to disks, counted where it happens: of a write, of a sector, of a name. */
export const DISK_EFFECTS = ['shortWrite', 'tornSector', 'lostSector', 'forgottenName'] as const;
/** One of them. */
export type DiskEffectName = (typeof DISK_EFFECTS)[number];

/** Faults that are made ready, and hit something later or never: they count when they do. */
export const LATE_ACTIONS: ReadonlySet<NemesisAction> = new Set([
  'loss',
  'slowDisk',
  'fullDisk',
  'crashInDisk',
  'crashInNetwork',
  'failSync',
  'failWrite',
  'failRead',
  'misdirectRead',
  'failSyncForever',
]);
