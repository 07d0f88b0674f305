// What `npm run bench:peers` found, as text for people and as a table for README.md.

/** Everything, also where the driver was the limit, something is partial or a peer is missing. */
export function peersText(result) {
  const { run, options, systems, cells, loadAverages } = result;
  const lines = [
    `${run.date}, ${run.machine}, Node ${run.node}, load average ${loadAverages.join(' ')}`,
    `${options.rounds} rounds of ${options.seconds} s, ${options.bytes}-byte values, ${options.processes} client process(es); medians, least and greatest in parentheses`,
    ...Object.entries(systems).map(([name, { version, missing }]) => `${name}: ${missing === undefined ? version : `MISSING: ${missing}`}`),
  ];
  for (const cell of cells) {
    lines.push('', cellTitle(cell));
    for (const [name, system] of Object.entries(cell.systems))
      lines.push(`  ${name.padEnd(10)} ${systemText(system)}`, ...warnings(system));
    for (const [name, ratios] of Object.entries(cell.ratios)) lines.push(`  by ${name.padEnd(10)} ${ratioText(ratios)}`);
  }
  return lines.join('\n');
}

function cellTitle({ workload, inFlight, connections }) {
  return inFlight === null ? workload : `${workload}, ${inFlight} in flight over ${connections} connection${connections === 1 ? '' : 's'}`;
}

const FIGURES = [
  ['opsPerSecond', 'op/s', 0],
  ['p50Ms', 'ms p50', 2],
  ['p99Ms', 'ms p99', 2],
  ['maxMs', 'ms max', 1],
  ['serverCpuMicrosPerOp', 'µs server CPU/op', 0],
  ['clientCpuMicrosPerOp', 'µs client CPU/op', 0],
  ['residentMebibytes', 'MiB/node', 0],
];

function systemText(system) {
  const told = FIGURES.filter(([figure]) => system[figure] !== undefined && system[figure] !== null);
  return told.map(([figure, unit, digits]) => `${spreadText(system[figure], digits)} ${unit}`).join(', ');
}

function spreadText({ min, median, max }, digits) {
  return min === max ? median.toFixed(digits) : `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}

function warnings({ driverIsLimit, partial, partialReasons, errors, clientCpuShare }) {
  return [
    ...(driverIsLimit
      ? [`             its driver used ${Math.round(clientCpuShare.median * 100)} % of a core: the driver is the limit, not the servers`]
      : []),
    ...(partial ? [`             PARTIAL: ${partialReasons.join('; ')} ${JSON.stringify(errors)}`] : []),
  ];
}

function ratioText(ratios) {
  return Object.entries(ratios)
    .filter(([, ratio]) => ratio !== null)
    .map(([figure, ratio]) => `${figure} × ${ratio.toPrecision(3)}`)
    .join(', ');
}

/** The table of README.md: a row per load, a column per system, ratios, date, machine and command. */
export function peersTable({ run, options, systems, cells, loadAverages }) {
  const names = Object.keys(systems);
  const peers = names.slice(1);
  const head = ['load', ...names, ...peers.map((peer) => `by ${peer}`)];
  const rows = cells.map((cell) => [
    cellTitle(cell),
    ...names.map((name) => tableCell(cell.systems[name])),
    ...peers.map((peer) => ratioCell(cell.ratios[peer])),
  ]);
  const versions = names.map((name) => `${name} ${systems[name].version ?? `missing (${systems[name].missing})`}`).join(', ');
  return [
    markdownTable([head, ...rows]),
    '',
    `${versions}. Cells: op/s, median and 99th percentile of latency, server CPU per operation over the three nodes; of failover median and longest`,
    `time without an acknowledgement. The last columns: Quorate's op/s (more is better) and median latency (less is better) by the peer's. "!": the`,
    `driver used a whole core and is the limit. Medians of ${options.rounds} interleaved rounds of ${options.seconds} s, ${options.bytes}-byte values. ${run.date.slice(0, 10)},`,
    `${run.machine}, Node ${run.node}, load average ${loadAverages.join(' ')}; \`${run.command}\`.`,
  ].join('\n');
}

function tableCell(system) {
  if (system?.p50Ms === undefined || system.p50Ms === null) return 'not measured';
  const { opsPerSecond, p50Ms, p99Ms, maxMs, serverCpuMicrosPerOp, driverIsLimit, partial } = system;
  const mark = `${driverIsLimit ? ' !' : ''}${partial ? ' (partial)' : ''}`;
  if (opsPerSecond === undefined) return `${p50Ms.median.toFixed(0)} ms, ${maxMs.median.toFixed(0)} ms${mark}`;
  const cpu = serverCpuMicrosPerOp === null ? '' : `, ${serverCpuMicrosPerOp.median.toFixed(0)} µs`;
  return `${thousands(opsPerSecond.median)}, ${p50Ms.median.toFixed(2)} ms, ${p99Ms.median.toFixed(1)} ms${cpu}${mark}`;
}

function ratioCell(ratios) {
  if (ratios === undefined || ratios.p50Ms === null) return '-';
  const ops = ratios.opsPerSecond === undefined || ratios.opsPerSecond === null ? '' : `× ${ratios.opsPerSecond.toPrecision(2)} op/s, `;
  return `${ops}× ${ratios.p50Ms.toPrecision(2)} p50`;
}

/** Whole, with a comma before each three digits. */
export function thousands(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Rows as a table of Markdown; the first is the head. */
export function markdownTable([head, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}
