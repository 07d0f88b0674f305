// How long a cluster acknowledges nothing after its leader was killed, or has handed over.
import { setTimeout as delay } from 'node:timers/promises';
import { GapProbe, Histogram, gapResult, measureTransfers } from '@quorate/cli/bench';

/** Between two writes of the probe: the gap is right to that. */
const PROBE_MS = 5;
/** Before each kill: the killed one of the last round stands again, and the probe is acknowledged. */
const SETTLE_MS = 500;
const RECOVERY_MS_MAX = 30_000;
const KEYS = 1000;

/**
 * Kills the leader of a cluster `kills` times with SIGKILL, each time once all nodes serve. A gap is the time from the signal to the first
 * acknowledgement of a write that began after it; a write begins every 5 ms, whatever becomes of those before.
 */
export async function measureFailovers(cluster, { kills, bytes = 128, onKill = () => {} }) {
  const { openDriver } = await import(cluster.module);
  const gaps = new Histogram();
  const reasons = [];
  for (let kill = 1; kill <= kills && reasons.length === 0; kill++) {
    const leader = await cluster.ready();
    const { addresses } = cluster;
    // A connection to each: how a client finds the next leader is no part of what is measured for those who go to all.
    const settings = {
      operation: 'put',
      connections: addresses.length,
      bytes,
      batch: 1,
      keys: KEYS,
      streams: 1,
      timeoutMs: 5000,
      isFirst: true,
    };
    const driver = await openDriver({ addresses, ...settings });
    const probe = new GapProbe(driver, PROBE_MS);
    try {
      if ((await probe.acknowledged(performance.now(), RECOVERY_MS_MAX)) === null) throw new Error(`${cluster.name} acknowledges nothing`);
      await delay(SETTLE_MS);
      const killedMs = performance.now();
      cluster.kill(leader);
      const ackMs = await probe.acknowledged(killedMs, RECOVERY_MS_MAX);
      if (ackMs === null) reasons.push(`nothing was acknowledged for ${RECOVERY_MS_MAX / 1000} s after a kill`);
      else gaps.add(ackMs - killedMs);
      if (ackMs !== null) onKill(kill, ackMs - killedMs);
    } finally {
      probe.stop();
      await driver.close();
    }
    await cluster.restart(leader);
  }
  return gapResult(gaps, {}, reasons);
}

/** Has leadership handed over `transfers` times while a write begins every ms: the longest times without an acknowledgement. */
export async function measureHandovers(cluster, { transfers, bytes = 128, onProgress = () => {} }) {
  const { openDriver } = await import(cluster.module);
  await cluster.ready();
  const driver = await openDriver(probeSettings(cluster, bytes));
  try {
    return await measureTransfers({ transfer: cluster.transfer, driver, transfers, timeoutMs: RECOVERY_MS_MAX, onProgress });
  } finally {
    await driver.close();
  }
}

/** A connection to each node: how a client finds the next leader is no part of what is measured for those who go to all. */
function probeSettings({ addresses }, bytes) {
  const settings = { operation: 'put', connections: addresses.length, batch: 1, keys: KEYS, streams: 1, timeoutMs: 5000, isFirst: true };
  return { addresses, bytes, ...settings };
}
