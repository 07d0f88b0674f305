import { createServer } from 'node:net';

/**
 * The first of `count` neighbouring ports that nobody uses now, below the range from which the system picks ports for outgoing connections,
 * so that they stay free while a node is down.
 */
export async function freePortRange(count: number): Promise<number> {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 22_000);
    const isEachFree = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)));
    if (isEachFree.every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
