/** Milliseconds that a core worked for this process since `process.cpuUsage()` gave `started`: other work on the machine does not count. */
export function cpuMsSince(started) {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}
