// A client process of `quorate bench`: opens a driver and keeps it busy, as its parent says. Ends with its parent.
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { asQuorateError } from '@quorate/base';
import type { Driver, OpenDriver } from './driver.js';
import type { LoadAnswer, LoadRequest } from './load-messages.js';
import { Load } from './load.js';

const PROGRESS_MS = 250;
/** Below the time in which the parent wants an answer. */
const FIRST_MS_MAX = 5000;
const LOOK_MS = 5;
/** Operations of a cluster that does not answer must not keep the process. */
const STOP_MS_MAX = 5000;

let load: Load | null = null;
let driver: Driver | null = null;
let cpuBefore = 0;

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function tell(answer: LoadAnswer): void {
  // The parent may be gone; then `disconnect` ends this process.
  process.send?.(answer, () => {});
}

async function open(request: Extract<LoadRequest, { type: 'open' }>): Promise<void> {
  const { openDriver } = (await import(request.module)) as { openDriver: OpenDriver };
  driver = await openDriver(request.settings);
  load = new Load(driver, request.load);
  tell({ type: 'opened' });
}

async function stop(): Promise<void> {
  setTimeout(() => process.exit(0), STOP_MS_MAX);
  await load?.stop();
  await driver?.close();
  process.exit(0);
}

function start(running: Load): void {
  running.start();
  setInterval(() => tell({ type: 'progress', ...running.progress }), PROGRESS_MS);
}

/** A round without an operation has no figures: one that is shorter than an operation here lasts until the first has ended. */
async function report(running: Load): Promise<void> {
  const latestMs = performance.now() + FIRST_MS_MAX;
  while (!running.hasMeasured && performance.now() < latestMs) await delay(LOOK_MS);
  tell({ type: 'report', report: { ...running.endMeasure(), cpuMicros: cpuMicros() - cpuBefore } });
}

process.on('message', (request: LoadRequest) => {
  switch (request.type) {
    case 'open':
      open(request).catch((thrown: unknown) => {
        const { code, message } = asQuorateError(thrown);
        tell({ type: 'failed', code, message });
      });
      break;
    case 'start':
      if (load !== null) start(load);
      break;
    case 'beginMeasure':
      cpuBefore = cpuMicros();
      load?.beginMeasure();
      break;
    case 'endMeasure':
      if (load !== null) void report(load);
      break;
    case 'stop':
      void stop();
      break;
  }
});
process.on('disconnect', () => process.exit(0));
// The parent decides when a run ends, also on Ctrl-C, which the whole group of processes gets.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
