import { createServer } from 'node:net';

/**
 * Ports on 127.0.0.1 that nobody uses now. Below the range from which the system picks ports for outgoing connections: a node that is
 * down for a moment must find its port free again.
 */
export async function freePorts(count) {
  const ports = [];
  while (ports.length < count) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    if (!ports.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

/** First of `count` neighbouring free ports. */
export async function freePortRange(count) {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 22_000);
    const range = Array.from({ length: count }, (_, index) => first + index);
    if ((await Promise.all(range.map(isFree))).every(Boolean)) return first;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
