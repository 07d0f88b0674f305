import { readFileSync } from 'node:fs';

/** What a process of this machine has used since its start. Null: not told here. */
export interface ProcessUsage {
  /** User and system time, in µs. */
  readonly cpuMicros: number;
  /** Resident memory in bytes, now. */
  readonly residentBytes: number;
  /** System calls that read or write files and sockets; others (sync, waiting for events, opening) are not in it. */
  readonly ioCalls: number | null;
  /** Bytes it had written to disks. */
  readonly diskBytes: number | null;
}

/** Linux reports CPU time to user space in hundredths of a second on every architecture that Node runs on. */
const MICROS_PER_TICK = 10_000;

/** Null where it cannot be told: not Linux, no such process, one of another user. */
export function usageOf(pid: number): ProcessUsage | null {
  if (process.platform !== 'linux') return null;
  try {
    return { cpuMicros: cpuMicros(pid), residentBytes: residentBytes(pid), ...ioOf(pid) };
  } catch {
    return null;
  }
}

/** True for addresses of this machine by name: the process behind one may be looked at. */
export function isLoopback(address: string): boolean {
  return /^(127\.|\[::1\]|localhost)/.test(address);
}

function cpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK;
}

function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Only the owner of a process and the superuser may see this. */
function ioOf(pid: number): Pick<ProcessUsage, 'ioCalls' | 'diskBytes'> {
  try {
    const text = readFileSync(`/proc/${pid}/io`, 'utf8');
    const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1]);
    const [ioCalls, diskBytes] = [field('syscr') + field('syscw'), field('write_bytes')];
    return { ioCalls: Number.isFinite(ioCalls) ? ioCalls : null, diskBytes: Number.isFinite(diskBytes) ? diskBytes : null };
  } catch {
    return { ioCalls: null, diskBytes: null };
  }
}
