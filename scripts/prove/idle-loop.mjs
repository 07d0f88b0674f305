// A process that does nothing: what its event loop is late by, the machine is. One JSON line per second.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();
setInterval(() => {
  process.stdout.write(`${JSON.stringify({ atMs: Date.now(), maxMs: Math.round(delays.max / 1e5) / 10 })}\n`);
  delays.reset();
}, 1000);
